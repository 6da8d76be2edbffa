// A reporter for node:test that writes each finished test as a line of JSON, for the tally of the parent process.

import type { TestEvent } from "node:test/reporters";

/** One finished test. Suites are left out: they hold tests and are none. */
export type Finished = { name: string; outcome: "passed" | "failed" | "skipped"; reason?: string };

export default async function* eventLines(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const parents: string[] = [];
  for await (const event of source) {
    if (event.type === "test:start") {
      parents.length = event.data.nesting;
      parents.push(event.data.name);
    }
    if (event.type !== "test:pass" && event.type !== "test:fail") continue;
    const { nesting, skip, todo, details } = event.data;
    if (details.type === "suite" && event.type === "test:pass") continue;
    if (details.type === "suite" && failedOnlyInside(details)) continue;
    const name = [...parents.slice(0, nesting), event.data.name].join(" > ");
    const left = skip ?? todo;
    const finished: Finished =
      left !== undefined && left !== false
        ? { name, outcome: "skipped", reason: typeof left === "string" ? left : "" }
        : { name, outcome: event.type === "test:pass" ? "passed" : "failed" };
    yield `${JSON.stringify(finished)}\n`;
  }
}

/** A suite whose own body and hooks were fine; its failing tests are counted themselves. */
function failedOnlyInside(details: object): boolean {
  const error: unknown = "error" in details ? details.error : undefined;
  return (
    typeof error === "object" && error !== null && "failureType" in error && error.failureType === "subtestsFailed"
  );
}
