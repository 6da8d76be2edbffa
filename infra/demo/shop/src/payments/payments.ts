import type { Money } from "../service/money.ts";
import { RequestRefused } from "../service/request-refused.ts";
import type { Service } from "../service/serve.ts";
import { approvingAcquirer } from "./acquirer.ts";

/** What checkout asks for: the money due for one order, vouchers already taken off. */
export interface ChargeRequest {
  orderId: string;
  total: Money;
  customerId?: string;
}

/** What payments writes to its books about one charge. */
export interface LedgerEntry {
  account: string;
  amount: Money;
}

/**
 * Charges orders and keeps the books. `bookings` is what a release decides: which ledger entries a charge makes.
 */
export function payments<C extends ChargeRequest>(bookings: (charge: C) => LedgerEntry[]): Service {
  const acquirer = approvingAcquirer();
  return {
    name: "payments",
    routes(app, log) {
      app.post("/charges", async (request, response) => {
        const charge = request.body as C;
        if (!Number.isInteger(charge.total?.minor)) throw new RequestRefused(400, "a charge names its total");
        const entries = bookings(charge);
        log.info({ orderId: charge.orderId, entries: entries.length }, "charge booked");
        const chargeId = await acquirer.authorise(charge.total);
        log.info({ orderId: charge.orderId, chargeId }, "charge authorised");
        response.status(201).json({ chargeId });
      });
    },
  };
}
