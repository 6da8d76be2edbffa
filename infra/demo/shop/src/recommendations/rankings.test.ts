import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Product } from "../service/catalogue.ts";
import { categoryRanking } from "./category-ranking.ts";
import type { Ranking } from "./recommendations.ts";
import { visitorRanking } from "./visitor-ranking.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const catalogue = (): Product[] =>
  Array.from({ length: 60 }, (_, index) => ({
    id: `p-${index}`,
    name: `product ${index}`,
    category: index % 2 === 0 ? "light" : "seating",
    description: "",
    priceMinor: 1_000 + index * 250,
    available: index,
  }));

/** Megabytes that stay on the heap after 1,500 page views, each with a catalogue of its own as in production. */
function keptBy(rank: Ranking): number {
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  for (let view = 0; view < 1_500; view++)
    rank({ visitor: `visitor-${view % 100}`, productId: `p-${view % 60}` }, catalogue());
  collectGarbage();
  // The ranking is used once more, so that what it holds is still reachable at this point.
  const kept = process.memoryUsage().heapUsed - before;
  rank({ visitor: "visitor-1", productId: undefined }, catalogue());
  return kept / 1e6;
}

test("what goes with a product is its category, then its price", () => {
  const [best, next] = categoryRanking({ visitor: "v", productId: "p-10" }, catalogue());
  assert.deepEqual(new Set([best?.product.id, next?.product.id]), new Set(["p-12", "p-8"]));
});

test("a visitor is shown something else with the next page", () => {
  const rank = visitorRanking();
  const view = { visitor: "v", productId: "p-10" };
  const first = rank(view, catalogue()).slice(0, 4);
  const then = rank({ ...view, productId: "p-12" }, catalogue()).slice(0, 4);
  assert.notDeepEqual(
    then.map(({ product }) => product.id),
    first.map(({ product }) => product.id),
  );
});

test("release 1.1.0 keeps nothing of a page view, release 1.2.0 keeps it all", () => {
  assert.ok(keptBy(categoryRanking) < 1);
  const kept = keptBy(visitorRanking());
  assert.ok(kept > 5, `${kept} MB`);
});
