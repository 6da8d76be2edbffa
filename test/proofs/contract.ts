/**
 * What every `test/proofs/NAME.ts` gives: one promise of the product, counted. It exports `about`, one line for the list, and `run`:
 *
 *     export const about = "every reversible action undone after a crash at each of its steps";
 *     export async function run(report: Report): Promise<ProofResult> { ... }
 */
export type ProofModule = { about: string; run(report: Report): Promise<ProofResult> };

/** Tells a person how far it is. With `--json` these lines are silent. */
export type Report = (line: string) => void;

/**
 * `tried` cells, of which `held` kept the promise; the proof stands when the two are equal and more than nothing was tried. Anything
 * else that was counted goes beside them.
 */
export type ProofResult = { name: string; tried: number; held: number; [extra: string]: unknown };
