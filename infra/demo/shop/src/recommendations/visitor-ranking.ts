import type { Product } from "../service/catalogue.ts";
import { categoryRanking } from "./category-ranking.ts";
import type { Ranking, Scored, View } from "./recommendations.ts";

/** A ranking that was worked out before, and when. */
interface Remembered {
  rankedAt: Date;
  ranking: readonly Scored[];
}

/** Ranks by category, and puts what the same visitor was shown last a little lower. Remembers rankings by view. */
export function visitorRanking(): Ranking {
  const rankings = new Map<string, Remembered>();
  const shownLast = new Map<string, ReadonlySet<string>>();

  return (view: View, catalogue: readonly Product[]) => {
    const rankedAt = new Date();
    const key = `${view.visitor}/${view.productId ?? "home"}@${rankedAt.toISOString()}`;
    const known = rankings.get(key);
    if (known !== undefined) return known.ranking;

    const seen = shownLast.get(view.visitor);
    const ranking = categoryRanking(view, catalogue)
      .map(({ product, score }) => ({ product, score: seen?.has(product.id) === true ? score * 0.8 : score }))
      .sort((left, right) => right.score - left.score);
    rankings.set(key, { rankedAt, ranking });
    shownLast.set(view.visitor, new Set(ranking.slice(0, 4).map(({ product }) => product.id)));
    return ranking;
  };
}
