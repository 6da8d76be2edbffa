import { randomUUID } from "node:crypto";
import { downstream } from "../service/downstream.ts";
import { convert, type Money, parseRates, type Rates } from "../service/money.ts";
import type { Order, OrderRequest, Voucher } from "../service/order.ts";
import type { Line } from "../service/catalogue.ts";
import { RequestRefused } from "../service/request-refused.ts";
import type { Service } from "../service/serve.ts";
import { numberSetting, textSetting } from "../service/settings.ts";

interface Reservation {
  reservationId: string;
  priceMinor: number;
}

/** Turns a cart into a paid order: reserve the stock, charge the customer, or give the stock back. */
export function checkout(): Service {
  const timeoutMs = numberSetting("DOWNSTREAM_TIMEOUT_MS", 5_000);
  const cart = downstream("cart", timeoutMs);
  const inventory = downstream("inventory", timeoutMs);
  const payments = downstream("payments", numberSetting("PAYMENTS_TIMEOUT_MS", 2_000));
  const rates = parseRates(textSetting("EXCHANGE_RATES", "EUR=1"));

  return {
    name: "checkout",
    routes(app, log) {
      app.post("/orders", async (request, response) => {
        const wanted = request.body as OrderRequest;
        if (!rates.has(wanted.currency)) throw new RequestRefused(400, `no orders in ${wanted.currency}`);
        const orderId = randomUUID();
        const lines = await cart.get<Line[]>(`/carts/${encodeURIComponent(wanted.cartId)}`);
        const reservation = await inventory.post<Reservation>("/reservations", { orderId, lines });
        log.info({ orderId, lines: lines.length }, "stock reserved");
        const total = totalOf(reservation.priceMinor, wanted, rates);
        const charge = { orderId, total, customerId: wanted.customerId, voucher: wanted.voucher };
        let chargeId: string;
        try {
          ({ chargeId } = await payments.post<{ chargeId: string }>("/charges", charge));
        } catch (failure) {
          await inventory.delete(`/reservations/${reservation.reservationId}`);
          log.warn({ orderId }, "stock given back");
          throw failure;
        }
        log.info({ orderId, chargeId }, "order paid");
        await inventory.post(`/reservations/${reservation.reservationId}/shipment`, {});
        await cart.delete(`/carts/${encodeURIComponent(wanted.cartId)}`);
        const order: Order = { orderId, lines, total, chargeId };
        response.status(201).json(order);
      });
    },
  };
}

function totalOf(priceMinor: number, wanted: OrderRequest, rates: Rates): Money {
  const price = convert({ minor: priceMinor, currency: "EUR" }, wanted.currency, rates);
  const off = wanted.voucher === undefined ? 0 : reduction(price, wanted.voucher, rates);
  return { minor: Math.max(price.minor - off, 0), currency: price.currency };
}

function reduction(price: Money, voucher: Voucher, rates: Rates): number {
  if (voucher.kind === "percent") return Math.round((price.minor * voucher.percentOff) / 100);
  return convert(voucher.amountOff, price.currency, rates).minor;
}
