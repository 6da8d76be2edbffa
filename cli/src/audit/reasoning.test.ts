import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { DataOf, EventType, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { definitionOf } from "@omega/bus-schemas/catalogue.ts";
import { exampleOption } from "@omega/bus-schemas/events/example-option.ts";
import { canonicalHash } from "@omega/shared/canonical-json.ts";
import { plainPaint } from "@omega/shared/terminal.ts";
import { reasoningOf, type Claim, type LoggedEvent } from "@omega/shared/audit/reasoning.ts";
import { reasoningText } from "./reasoning-text.ts";

const incidentid = "inc-20261124-1a2b3c";

/** A log of the catalogue's samples, with fields changed, each the effect of the one before. */
function logOf(...steps: readonly (readonly [EventType, object?])[]): LoggedEvent[] {
  return steps.map(([type, changes], index) => ({
    index,
    leaf: String(index).padStart(64, "0"),
    event: {
      type,
      id: `evt-${index}`,
      causationid: `evt-${index - 1}`,
      keyid: "scout-0123456789abcdef",
      time: "2026-11-24T03:00:00.000Z",
      ...(type.startsWith("signal.") ? {} : { incidentid }),
      data: { ...(definitionOf(type)?.example as object), ...changes },
    } as unknown as OmegaEvent,
  }));
}

const honest = { ...exampleOption, planHash: canonicalHash(exampleOption.plan) };

function claims(log: readonly LoggedEvent[], title: string): readonly Claim[] {
  return reasoningOf(incidentid, log).find((chapter) => chapter.title === title)?.claims ?? [];
}

describe("the reasoning of an incident", () => {
  it("links each claim to what it rests on, by hash", () => {
    const log = logOf(
      ["signal.detected"],
      ["incident.opened"],
      ["diagnosis.reached"],
      ["remediation.proposed", { options: [honest] }],
      ["remediation.authorized", { planHash: honest.planHash }],
    );
    const [seen] = claims(log, "What was seen");
    assert.ok(seen?.evidence.some(({ kind }) => kind === "trace"));
    const [, hypothesis] = claims(log, "What was concluded");
    assert.deepEqual(hypothesis?.evidence[0], {
      kind: "span",
      ref: "trace:0af7651916cd43dd8448eb211c80319c/span:b7ad6b7169203331",
      says: "TypeError thrown in loyaltyDiscount; 24 of 24 failing traces end here.",
      sha256: canonicalHash({
        kind: "span",
        ref: "trace:0af7651916cd43dd8448eb211c80319c/span:b7ad6b7169203331",
        says: "TypeError thrown in loyaltyDiscount; 24 of 24 failing traces end here.",
      }),
    });
    const [allowed] = claims(log, "What policy said");
    assert.deepEqual(
      allowed?.evidence.map((support) => support.kind === "entry" && support.index),
      [3],
    );
  });

  it("marks what is only asserted: a cause without evidence, a plan that its hash does not name, a memory that nobody stored", () => {
    const sample = definitionOf("diagnosis.reached")?.example as DataOf<"diagnosis.reached">;
    const bare = sample.candidates.map((candidate) => ({ ...candidate, evidence: [] }));
    const log = logOf(
      ["incident.opened"],
      ["diagnosis.reached", { candidates: bare }],
      ["memory.recalled"],
      ["remediation.proposed", { options: [{ ...honest, planHash: "0".repeat(64) }], refused: [] }],
    );
    for (const [title, at] of [
      ["What was concluded", 1],
      ["What was remembered", 0],
      ["What was weighed", 0],
    ] as const) {
      assert.deepEqual(claims(log, title)[at]?.evidence, [], title);
    }
    const text = reasoningText(reasoningOf(incidentid, log), plainPaint).join("\n");
    assert.equal(text.split("NO EVIDENCE").length - 1, 3);
  });

  it("prints nothing that a terminal would obey", () => {
    const log = logOf(["incident.opened"], ["diagnosis.reached", { says: "\u001B]0;owned\u0007 and\r\nmore" }]);
    const text = reasoningText(reasoningOf(incidentid, log), plainPaint).join("\n");
    assert.doesNotMatch(text, /[^\P{Cc}\n]/u);
  });
});
