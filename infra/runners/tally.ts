// Adds up what the test files gave, and says it the way people and CI read it.

import type { FileResult } from "./test-file.ts";

export type Tally = { passed: number; failed: number; skipped: number };

/** A file with a problem of its own counts as one more failure. */
export function tally(results: readonly FileResult[]): Tally {
  const total: Tally = { passed: 0, failed: 0, skipped: 0 };
  for (const { tests, problem } of results) {
    for (const { outcome } of tests) total[outcome]++;
    if (problem !== undefined) total.failed++;
  }
  return total;
}

/** `N passed, N failed[, N skipped]`: the last line of every run. */
export function lastLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/** Zero only when something passed and nothing failed: a run that tried nothing has shown nothing. */
export function exitCode({ passed, failed }: Tally): number {
  return failed === 0 && passed > 0 ? 0 : 1;
}

/** One skipped test a line, with its reason; the reason says what would enable it. */
export function skippedTable(results: readonly FileResult[]): string[] {
  const rows = results.flatMap(({ file, tests }) =>
    tests
      .filter((test) => test.outcome === "skipped")
      .map((test) => ({ where: `${file}: ${test.name}`, reason: test.reason ?? "" })),
  );
  const width = Math.min(80, Math.max(0, ...rows.map((row) => row.where.length)));
  return rows.map((row) => `${row.where.padEnd(width)}  ${row.reason === "" ? "(no reason given)" : row.reason}`);
}

/** Everything that failed, a line each, for the end of a long output. */
export function failedList(results: readonly FileResult[]): string[] {
  return results.flatMap(({ file, tests, problem }) => [
    ...tests.filter((test) => test.outcome === "failed").map((test) => `${file}: ${test.name}`),
    ...(problem === undefined ? [] : [`${file}: the file ${problem}`]),
  ]);
}
