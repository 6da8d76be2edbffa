import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { it } from "node:test";
import fc from "fast-check";
import { CappedOutput } from "./capped-output.ts";

it("keeps all of a short output, head and tail of a long one, and hashes every byte", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme-ascii", maxLength: 40 })), (chunks) => {
      const capped = new CappedOutput(64);
      for (const chunk of chunks) capped.add(Buffer.from(chunk));
      const whole = chunks.join("");
      const { text, bytes, cutBytes, sha256 } = capped.end();
      assert.deepEqual([bytes, sha256], [whole.length, createHash("sha256").update(whole).digest("hex")]);
      const cut = whole.length - 64;
      const expected = cut > 0 ? `${whole.slice(0, 32)}\n[${cut} bytes left out]\n${whole.slice(-32)}` : whole;
      assert.deepEqual([text, cutBytes], [expected, Math.max(cut, 0)]);
    }),
    { numRuns: 500 },
  );
});
