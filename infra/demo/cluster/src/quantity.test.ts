import assert from "node:assert/strict";
import { test } from "node:test";
import { parseQuantity } from "./quantity.ts";

test("quantities are read in their base unit", () => {
  const cases: [string, number | undefined][] = [
    ["128Mi", 128 * 2 ** 20],
    ["1.5Gi", 1.5 * 2 ** 30],
    ["250m", 0.25],
    ["2", 2],
    ["1e3", 1000],
    ["100M", 1e8],
    ["", undefined],
    ["Mi", undefined],
    ["12 Mi", undefined],
  ];
  for (const [text, value] of cases) assert.equal(parseQuantity(text), value, text);
});
