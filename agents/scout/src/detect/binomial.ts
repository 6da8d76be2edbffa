// Exact binomial tails: small counts are the whole point of finding a fault early, so no normal approximation.

const lanczos = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/** Natural logarithm of gamma(x) for x > 0 (Lanczos, g = 7, nine terms; relative error below 1e-13). */
export const logGamma = (x: number): number => {
  let sum = lanczos[0] ?? 1;
  for (let index = 1; index < lanczos.length; index += 1) sum += (lanczos[index] ?? 0) / (x - 1 + index);
  const t = x + 6.5;
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
};

/** P(X >= k) for X of n trials that each succeed with probability p. */
export const binomialTail = (k: number, n: number, p: number): number => {
  if (k <= 0) return 1;
  if (k > n || p <= 0) return 0;
  if (p >= 1) return 1;
  if (k <= n * p) return 1 - binomialTail(n - k + 1, n, 1 - p);
  const logChoose = logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1);
  let term = Math.exp(logChoose + k * Math.log(p) + (n - k) * Math.log1p(-p));
  let tail = 0;
  for (let at = k; at <= n; at += 1) {
    tail += term;
    term *= ((n - at) / (at + 1)) * (p / (1 - p));
    if (term < tail * 1e-15) break;
  }
  return Math.min(1, tail);
};

/**
 * One-sided p-value of Fisher's exact test: how likely at least `failuresA` of the failures fall on A, if A and B failed alike.
 */
export const fisherTail = (failuresA: number, requestsA: number, failuresB: number, requestsB: number): number => {
  const failures = failuresA + failuresB;
  const requests = requestsA + requestsB;
  const logChoose = (n: number, k: number): number => logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1);
  const total = logChoose(requests, failures);
  let tail = 0;
  for (let a = failuresA; a <= Math.min(failures, requestsA); a += 1) {
    if (failures - a > requestsB) continue;
    tail += Math.exp(logChoose(requestsA, a) + logChoose(requestsB, failures - a) - total);
  }
  return Math.min(1, tail);
};

/** Wilson score interval of a ratio at z standard errors. */
export const wilson = (successes: number, trials: number, z = 1.96): { low: number; high: number } => {
  if (trials === 0) return { low: 0, high: 1 };
  const ratio = successes / trials;
  const centre = ratio + (z * z) / (2 * trials);
  const spread = z * Math.sqrt((ratio * (1 - ratio)) / trials + (z * z) / (4 * trials * trials));
  const scale = 1 + (z * z) / trials;
  return { low: Math.max(0, (centre - spread) / scale), high: Math.min(1, (centre + spread) / scale) };
};
