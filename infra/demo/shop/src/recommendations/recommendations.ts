import { downstream } from "../service/downstream.ts";
import type { Product } from "../service/catalogue.ts";
import type { Service } from "../service/serve.ts";
import { numberSetting } from "../service/settings.ts";

/** One page view that asks for recommendations. */
export interface View {
  visitor: string;
  /** The product looked at, if it is a product's page. */
  productId: string | undefined;
}

/** A product with how well it fits; higher is better. */
export interface Scored {
  product: Product;
  score: number;
}

/** How a release ranks the whole catalogue for a view. */
export type Ranking = (view: View, catalogue: readonly Product[]) => readonly Scored[];

const shown = 4;

/** Recommends products that go with what a visitor looks at. */
export function recommendations(rank: Ranking): Service {
  const inventory = downstream("inventory", numberSetting("DOWNSTREAM_TIMEOUT_MS", 5_000));
  return {
    name: "recommendations",
    routes(app, log) {
      app.get("/recommendations", async (request, response) => {
        const { visitor, product } = request.query;
        const view = {
          visitor: typeof visitor === "string" ? visitor : "anonymous",
          productId: typeof product === "string" ? product : undefined,
        };
        const catalogue = await inventory.get<Product[]>("/products?limit=60");
        const best = rank(view, catalogue).slice(0, shown);
        log.debug({ visitor: view.visitor, best: best.length }, "recommended");
        response.json(best.map(({ product }) => product));
      });
    },
  };
}
