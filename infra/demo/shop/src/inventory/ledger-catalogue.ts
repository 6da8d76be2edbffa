import type pg from "pg";
import type { Product } from "../service/catalogue.ts";
import type { Catalogue } from "./inventory.ts";

interface ProductRow {
  id: string;
  name: string;
  category: string;
  description: string;
  price_minor: number;
}

/** Reads products, and how many are left from the movements of the stock ledger, so that late corrections count. */
export const ledgerCatalogue: Catalogue = {
  async list(pool: pg.Pool, limit: number): Promise<Product[]> {
    const found = await pool.query<ProductRow>(
      "SELECT id, name, category, description, price_minor FROM products ORDER BY id LIMIT $1",
      [limit],
    );
    const products: Product[] = [];
    for (const row of found.rows) products.push(await withAvailable(pool, row));
    return products;
  },

  async find(pool: pg.Pool, id: string): Promise<Product | undefined> {
    const found = await pool.query<ProductRow>(
      "SELECT id, name, category, description, price_minor FROM products WHERE id = $1",
      [id],
    );
    const [row] = found.rows;
    return row === undefined ? undefined : withAvailable(pool, row);
  },
};

async function withAvailable(pool: pg.Pool, row: ProductRow): Promise<Product> {
  const moved = await pool.query<{ available: number }>(
    "SELECT coalesce(sum(quantity), 0)::int AS available FROM stock_movements WHERE product_id = $1",
    [row.id],
  );
  const available = moved.rows[0]?.available ?? 0;
  const { price_minor: priceMinor, ...rest } = row;
  return { ...rest, priceMinor, available };
}
