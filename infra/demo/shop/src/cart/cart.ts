import { connectDatabase } from "../service/database.ts";
import type { Line } from "../service/catalogue.ts";
import { RequestRefused } from "../service/request-refused.ts";
import type { Service } from "../service/serve.ts";

const linesPerCartMax = 50;

/** Keeps the carts, in the database, so that any replica can answer and a restart loses none. */
export function cart(): Service {
  let database: ReturnType<typeof connectDatabase> | undefined;
  return {
    name: "cart",
    routes(app, log) {
      const pool = connectDatabase((err) => log.warn({ reason: err.message }, "database connection lost"));
      database = pool;

      app.post("/carts/:id/lines", async (request, response) => {
        const { productId, quantity } = request.body as Line;
        if (typeof productId !== "string" || !Number.isInteger(quantity) || quantity < 1) {
          throw new RequestRefused(400, "a cart line is a productId and a quantity of 1 or more");
        }
        await pool.query(
          `INSERT INTO cart_lines (cart_id, product_id, quantity) VALUES ($1, $2, $3)
           ON CONFLICT (cart_id, product_id) DO UPDATE SET quantity = cart_lines.quantity + excluded.quantity`,
          [request.params.id, productId, quantity],
        );
        response.status(201).json(await linesOf(pool, request.params.id));
      });

      app.get("/carts/:id", async (request, response) => {
        const lines = await linesOf(pool, request.params.id);
        if (lines.length === 0) throw new RequestRefused(404, `no cart ${request.params.id}`);
        response.json(lines);
      });

      app.delete("/carts/:id", async (request, response) => {
        // Carts that nobody came back for leave with the one that was paid.
        await pool.query("DELETE FROM cart_lines WHERE cart_id = $1 OR added_at < now() - interval '15 minutes'", [
          request.params.id,
        ]);
        response.status(204).end();
      });
    },
    close: async () => database?.end(),
  };
}

async function linesOf(pool: ReturnType<typeof connectDatabase>, cartId: string): Promise<Line[]> {
  const found = await pool.query<{ product_id: string; quantity: number }>(
    "SELECT product_id, quantity FROM cart_lines WHERE cart_id = $1 ORDER BY product_id LIMIT $2",
    [cartId, linesPerCartMax],
  );
  return found.rows.map((row) => ({ productId: row.product_id, quantity: row.quantity }));
}
