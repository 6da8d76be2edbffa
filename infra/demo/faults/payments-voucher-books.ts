import { badRelease } from "./fault.ts";

export const paymentsVoucherBooks = badRelease({
  name: "payments-voucher-books",
  service: "payments",
  from: "1.4.0",
  to: "1.5.0",
  change: "payments 1.5.0 books a voucher's share of an order to the campaign that issued it",
  effect: "orders with a percentage voucher, about three in ten, fail with a TypeError in campaignShare",
});
