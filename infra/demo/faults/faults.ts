import { checkoutPaymentTimeout } from "./checkout-payment-timeout.ts";
import type { Fault } from "./fault.ts";
import { inventoryLedger } from "./inventory-ledger.ts";
import { paymentsVoucherBooks } from "./payments-voucher-books.ts";
import { recommendationsMemory } from "./recommendations-memory.ts";

/** Every fault there is; the first one is the demo's. */
export const faults: readonly Fault[] = [
  paymentsVoucherBooks,
  checkoutPaymentTimeout,
  recommendationsMemory,
  inventoryLedger,
];

/** The fault of that name; throws naming those that exist. */
export function faultNamed(name: string): Fault {
  const found = faults.find((fault) => fault.name === name);
  if (found !== undefined) return found;
  throw new Error(`no fault "${name}"; there are ${faults.map((fault) => fault.name).join(", ")}`);
}
