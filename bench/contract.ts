/**
 * What every `bench/NAME.ts` gives. It exports `about`, one line for the list, and `run`:
 *
 *     export const about = "signal to order, as a ratio to raw JetStream round trips";
 *     export async function run(report: Report): Promise<BenchResult> { ... }
 */
export type BenchModule = { about: string; run(report: Report): Promise<BenchResult | BenchSkipped> };

/** Tells a person how far it is. With `--json` these lines are silent. */
export type Report = (line: string) => void;

/**
 * `figure` is what was measured, in `unit`; `floor` is the least that anybody could reach here, in the same unit, measured in the
 * same run on the same machine; `ratio` is figure / floor, which unlike the figure can be compared between machines.
 * Anything else that helps to read the figure (p95, sizes, counts) goes beside them.
 */
export type BenchResult = {
  name: string;
  figure: number;
  unit: string;
  floor: number;
  ratio: number;
  [extra: string]: unknown;
};

/** It could not run here; `skipped` says what is missing and where it was looked for. */
export type BenchSkipped = { name: string; skipped: string };
