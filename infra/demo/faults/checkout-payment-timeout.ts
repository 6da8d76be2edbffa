import { badSetting } from "./fault.ts";

export const checkoutPaymentTimeout = badSetting({
  name: "checkout-payment-timeout",
  service: "checkout",
  setting: "PAYMENTS_TIMEOUT_MS",
  from: "2000",
  to: "45",
  change: "checkout gives up on payments sooner, so that a slow bank holds up nobody",
  effect: "about half of the orders fail: the bank takes 20 to 60 ms, and 45 leaves it no room",
});
