import type pg from "pg";
import { connectDatabase } from "../service/database.ts";
import type { Line, Product } from "../service/catalogue.ts";
import { RequestRefused } from "../service/request-refused.ts";
import type { Service } from "../service/serve.ts";
import { release, reserve, ship } from "./reservations.ts";

/** How a release reads the catalogue. */
export interface Catalogue {
  list(pool: pg.Pool, limit: number): Promise<Product[]>;
  find(pool: pg.Pool, id: string): Promise<Product | undefined>;
}

const listLimitMax = 100;

/** Knows the products and the stock, and reserves stock for orders. */
export function inventory(catalogue: Catalogue): Service {
  let database: pg.Pool | undefined;
  return {
    name: "inventory",
    routes(app, log) {
      const pool = connectDatabase((err) => log.warn({ reason: err.message }, "database connection lost"));
      database = pool;

      app.get("/products", async (request, response) => {
        const limit = Math.min(Number(request.query["limit"] ?? 24) || 24, listLimitMax);
        response.json(await catalogue.list(pool, limit));
      });

      app.get("/products/:id", async (request, response) => {
        const product = await catalogue.find(pool, request.params.id);
        if (product === undefined) throw new RequestRefused(404, `no product ${request.params.id}`);
        response.json(product);
      });

      app.post("/reservations", async (request, response) => {
        const { orderId, lines } = request.body as { orderId: string; lines: Line[] };
        const priceMinor = await reserve(pool, orderId, lines);
        response.status(201).json({ reservationId: orderId, priceMinor });
      });

      app.post("/reservations/:id/shipment", async (request, response) => {
        await ship(pool, request.params.id);
        response.status(204).end();
      });

      app.delete("/reservations/:id", async (request, response) => {
        await release(pool, request.params.id);
        log.info({ reservationId: request.params.id }, "reservation released");
        response.status(204).end();
      });
    },
    close: async () => database?.end(),
  };
}
