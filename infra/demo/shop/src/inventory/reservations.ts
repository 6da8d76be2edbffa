import type pg from "pg";
import type { Line } from "../service/catalogue.ts";
import { RequestRefused } from "../service/request-refused.ts";

/**
 * Takes the lines of one order out of the stock and answers their price in euro cents. One statement, so that an order
 * is reserved whole or not at all; refused with 409 when a product is unknown or sold out.
 */
export async function reserve(pool: pg.Pool, orderId: string, lines: Line[]): Promise<number> {
  const wanted = [lines.map((line) => line.productId), lines.map((line) => line.quantity)];
  const taken = await pool.query<{ lines: number; price: number }>(
    `WITH wanted AS (
       SELECT * FROM unnest($2::text[], $3::int[]) AS line (product_id, quantity)
     ), possible AS (
       SELECT count(*) = cardinality($2::text[]) AS whole FROM wanted
       JOIN stock USING (product_id) WHERE stock.available >= wanted.quantity
     ), taken AS (
       UPDATE stock SET available = available - wanted.quantity FROM wanted, possible
       WHERE stock.product_id = wanted.product_id AND possible.whole
       RETURNING stock.product_id, wanted.quantity
     ), noted AS (
       INSERT INTO reservations (order_id, product_id, quantity) SELECT $1, product_id, quantity FROM taken
     )
     SELECT count(*)::int AS lines, coalesce(sum(quantity * price_minor), 0)::int AS price
     FROM taken JOIN products ON products.id = taken.product_id`,
    [orderId, ...wanted],
  );
  const [row] = taken.rows;
  if (row === undefined || row.lines < lines.length) throw new RequestRefused(409, "not everything is in stock");
  return row.price;
}

/** The goods have left: the reservation becomes a movement of the stock ledger. */
export async function ship(pool: pg.Pool, orderId: string): Promise<void> {
  await pool.query(
    `WITH shipped AS (DELETE FROM reservations WHERE order_id = $1 RETURNING product_id, quantity)
     INSERT INTO stock_movements (product_id, quantity) SELECT product_id, -quantity FROM shipped`,
    [orderId],
  );
}

/** Gives reserved stock back. An order that is not, or no longer, reserved changes nothing. */
export async function release(pool: pg.Pool, orderId: string): Promise<void> {
  await pool.query(
    `WITH released AS (DELETE FROM reservations WHERE order_id = $1 RETURNING product_id, quantity)
     UPDATE stock SET available = available + released.quantity FROM released
     WHERE stock.product_id = released.product_id`,
    [orderId],
  );
}
