import type pg from "pg";
import type { Product } from "../service/catalogue.ts";
import type { Catalogue } from "./inventory.ts";

interface ProductRow {
  id: string;
  name: string;
  category: string;
  description: string;
  price_minor: number;
  available: number;
}

const columns = "id, name, category, description, price_minor, available";

/** Reads products together with their line in the stock table. */
export const stockCatalogue: Catalogue = {
  async list(pool: pg.Pool, limit: number): Promise<Product[]> {
    const found = await pool.query<ProductRow>(
      `SELECT ${columns} FROM products JOIN stock ON stock.product_id = products.id ORDER BY id LIMIT $1`,
      [limit],
    );
    return found.rows.map(product);
  },

  async find(pool: pg.Pool, id: string): Promise<Product | undefined> {
    const found = await pool.query<ProductRow>(
      `SELECT ${columns} FROM products JOIN stock ON stock.product_id = products.id WHERE id = $1`,
      [id],
    );
    return found.rows.map(product)[0];
  },
};

function product(row: ProductRow): Product {
  const { price_minor: priceMinor, ...rest } = row;
  return { ...rest, priceMinor };
}
