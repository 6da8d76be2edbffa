import type { Product } from "../service/catalogue.ts";
import { categoryRanking } from "./category-ranking.ts";
import type { Ranking, Scored, View } from "./recommendations.ts";

/** How many of the pages that a visitor may open next are ranked while this one is read. */
const ahead = 20;

/** Ranks by category, and puts what the same visitor was shown last a little lower. Remembers rankings by view. */
export function visitorRanking(): Ranking {
  const rankings = new Map<string, readonly Scored[]>();
  const shownLast = new Map<string, ReadonlySet<string>>();

  const rank = (view: View, catalogue: readonly Product[]): Scored[] => {
    const seen = shownLast.get(view.visitor);
    return categoryRanking(view, catalogue)
      .map(({ product, score }) => ({ product, score: seen?.has(product.id) === true ? score * 0.8 : score }))
      .sort((left, right) => right.score - left.score);
  };

  return (view: View, catalogue: readonly Product[]) => {
    const viewedAt = new Date();
    const known = rankings.get(keyOf(view, viewedAt));
    if (known !== undefined) return known;

    const ranking = rank(view, catalogue);
    rankings.set(keyOf(view, viewedAt), ranking);
    shownLast.set(view.visitor, new Set(ranking.slice(0, 4).map(({ product }) => product.id)));
    for (const { product } of ranking.slice(0, ahead)) {
      const next = { visitor: view.visitor, productId: product.id };
      rankings.set(keyOf(next, viewedAt), rank(next, catalogue));
    }
    return ranking;
  };
}

function keyOf(view: View, viewedAt: Date): string {
  return `${view.visitor}/${view.productId ?? "home"}@${viewedAt.toISOString()}`;
}
