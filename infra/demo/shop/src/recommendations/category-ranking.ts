import type { Product } from "../service/catalogue.ts";
import type { Scored, View } from "./recommendations.ts";

/** Same category first, then a price near to the product looked at; without one, the best stocked first. */
export function categoryRanking(view: View, catalogue: readonly Product[]): Scored[] {
  const viewed = catalogue.find((product) => product.id === view.productId);
  return catalogue
    .filter((product) => product !== viewed)
    .map((product) => ({ product, score: viewed === undefined ? product.available : likeness(viewed, product) }))
    .sort((left, right) => right.score - left.score);
}

function likeness(viewed: Product, other: Product): number {
  const category = viewed.category === other.category ? 1 : 0;
  return category + 1 / (1 + Math.abs(viewed.priceMinor - other.priceMinor) / 1_000);
}
