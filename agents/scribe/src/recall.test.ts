import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Symptom } from "./ports.ts";
import { adviceOf, closest, similarityOf } from "./recall.ts";
import type { MemoryRecord, Remembered } from "./state.ts";

const signature = "Cannot read properties of undefined (reading '<*>')";
const symptom: Symptom = {
  service: "payments",
  operation: "POST /charges",
  errorType: "TypeError",
  signature,
  says: "9 of 40 requests to payments POST /charges failed in the last 6 s (23 %, baseline 0.2 %).",
};
const fix = {
  actionType: "k8s.rollout-undo",
  target: { system: "kubernetes" as const, namespace: "shop", kind: "Deployment", name: "payments" },
};

function remembered(...changes: Partial<MemoryRecord>[]): Remembered {
  const records = changes.map((change, index): MemoryRecord => ({
    incidentId: `inc-${index + 1}`,
    service: "payments",
    operation: "POST /charges",
    symptoms: ["24 of 90 requests to payments POST /charges failed in the last 6 s (27 %, baseline 0.1 %)."],
    errorType: "TypeError",
    signature,
    rootCause: "payments 1.5.0 throws TypeError at payments/loyalty.ts:21",
    location: { file: "payments/loyalty.ts", lineStart: 21 },
    fixes: [{ ...fix, outcome: "verified" }],
    resolveMs: 21000,
    ...change,
  }));
  return Map.groupBy(records, ({ service }) => service);
}

test("the same signature in the same place is similarity 1 and brings its fix", () => {
  const [match, ...others] = closest(symptom, remembered({}));
  assert.equal(match?.similarity, 1);
  assert.equal(match?.fixes[0]?.outcome, "verified");
  assert.equal(match?.resolveMs, 21000);
  assert.deepEqual(others, []);
});

test("another error of the same call is nothing similar", () => {
  const other = remembered({ errorType: "TimeoutError", signature: "connect timed out after <*> ms" });
  assert.deepEqual(closest(symptom, other), []);
  assert.equal(adviceOf([], other), "Nothing similar among 1 remembered incident.");
});

test("a fault that shows at another service is known by its sentence, and surely with its error", () => {
  const upstream: Symptom = {
    service: "storefront",
    operation: "POST /orders",
    says: "12 of 61 requests to storefront POST /orders failed in the last 6 s (20 %, baseline 0 %).",
  };
  const memories = remembered({
    symptoms: ["21 of 80 requests to storefront POST /orders failed in the last 6 s (26 %, baseline 0 %)."],
  });
  const similarity = (of: Symptom): number | undefined => closest(of, memories)[0]?.similarity;
  assert.equal(similarity(upstream), 0.8);
  assert.equal(similarity({ ...upstream, errorType: "TypeError", signature }), 0.955);
  assert.equal(similarity({ ...upstream, errorType: "RangeError", signature: "Invalid array length" }), undefined);
});

test("a weaker match beside a perfect one is left out by the margin", () => {
  const memories = remembered({}, { signature: "Cannot read properties of null", incidentId: "inc-weaker" });
  assert.deepEqual(
    closest(symptom, memories).map(({ incidentId }) => incidentId),
    ["inc-1"],
  );
});

test("the latest of equals comes first", () => {
  assert.deepEqual(
    closest(symptom, remembered({}, {}, {})).map(({ incidentId }) => incidentId),
    ["inc-3", "inc-2", "inc-1"],
  );
});

test("an undone fix is a warning, and an unfixed incident tells no time to fix", () => {
  const memories = remembered({ fixes: [{ ...fix, outcome: "undone" }] });
  const matches = closest(symptom, memories);
  assert.equal(matches[0]?.resolveMs, undefined);
  assert.match(adviceOf(matches, memories), /Warning: k8s\.rollout-undo on shop\/payments was undone 1 of 1 times\./);
});

test("an empty memory says so", () => {
  assert.equal(adviceOf([], new Map()), "None yet: memory is empty.");
});

test("similarity is between 0 and 1 for any text, and 1 for itself", () => {
  const word = fc.string({ minLength: 1, maxLength: 40 });
  const part = fc.record({ service: word, operation: word, errorType: word, signature: word, says: word });
  fc.assert(
    fc.property(part, part, (one, other) => {
      const record = (of: typeof one): MemoryRecord => ({
        ...of,
        incidentId: "inc-1",
        symptoms: [of.says],
        rootCause: "",
        fixes: [],
        resolveMs: 0,
      });
      const similarity = similarityOf(one, record(other));
      assert.ok(similarity >= 0 && similarity <= 1);
      const own = similarityOf(one, record(one));
      // A signature without a single word has nothing to compare; its sentence still is the same.
      assert.ok(own === 1 || (own >= 0.8 && !/[a-z0-9_<*>]/i.test(one.signature)));
    }),
  );
});
