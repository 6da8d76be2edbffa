import type { Line } from "./catalogue.ts";
import type { Money } from "./money.ts";

/** A voucher as the customer redeems it: a part of the price, or a fixed amount. */
export type Voucher =
  | { code: string; kind: "percent"; percentOff: number }
  | { code: string; kind: "amount"; amountOff: Money };

/** What the storefront asks checkout for. Guests have no customer id. */
export interface OrderRequest {
  cartId: string;
  currency: string;
  customerId?: string;
  voucher?: Voucher;
}

/** A paid order. */
export interface Order {
  orderId: string;
  lines: Line[];
  total: Money;
  chargeId: string;
}
