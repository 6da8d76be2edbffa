import { z } from "zod";
import { defineEvent } from "../define-event.ts";
import {
  candidateSchema,
  fixTallySchema,
  locationSchema,
  memoryMatchSchema,
  passageSchema,
  recalledFixSchema,
  sha256Schema,
} from "../vocabulary.ts";

export const MemoryRecalled = defineEvent({
  type: "memory.recalled",
  says: "Scribe looked for similar incidents and what fixed them; 'none' is an answer.",
  scope: "incident",
  saidBy: ["scribe"],
  schema: z.strictObject({
    verdict: z.enum(["similar", "none", "unavailable"]),
    /** Best first. */
    matches: z.array(memoryMatchSchema).max(8),
    /** `structure`: the vector store did not take part, and `trouble` says why. */
    by: z.enum(["vector-and-structure", "structure"]).optional(),
    trouble: z.string().max(512).optional(),
    /** The embedding whose space was searched. */
    embedding: z.string().max(128).optional(),
    /** Incidents that were remembered then. */
    known: z.number().int().min(0).optional(),
    /** What each repair came to over all matches, the most successful first. */
    tallies: z.array(fixTallySchema).max(16).optional(),
    /** Documentation that speaks of the symptom, best first. */
    passages: z.array(passageSchema).max(5).optional(),
    says: z.string().max(1024),
    tookMs: z.number().min(0),
  }),
  example: {
    verdict: "similar",
    matches: [
      {
        incidentId: "inc-20261123-1a2b3c",
        similarity: 1,
        says: "payments: POST /charges failed with the same TypeError",
        rootCause: "payments 1.5.0 throws TypeError at payments/loyalty.ts:21",
        location: { function: "loyaltyDiscount", file: "payments/loyalty.ts", lineStart: 21 },
        fixes: [
          {
            actionType: "k8s.rollout-undo",
            target: { system: "kubernetes", namespace: "shop", kind: "Deployment", name: "payments" },
            outcome: "verified",
          },
        ],
        resolveMs: 21000,
        parts: { structure: 1, vector: 0.93 },
        cause: { service: "payments", kind: "code", operation: "POST /charges", errorType: "TypeError" },
        standing: "trusted",
      },
    ],
    by: "vector-and-structure",
    embedding: "embedded-1",
    known: 14,
    tallies: [
      {
        actionType: "k8s.rollout-undo",
        target: { system: "kubernetes", namespace: "shop", kind: "Deployment", name: "payments" },
        tried: 1,
        verified: 1,
        failed: 0,
        undone: 0,
        successRate: 1,
        contradicted: false,
        incidentIds: ["inc-20261123-1a2b3c"],
      },
    ],
    passages: [
      {
        source: "runbooks/payments.md",
        heading: "Payments > Charges fail after a release",
        line: 12,
        says: "Roll back to the last version whose charges succeed; the loyalty step has no fallback.",
        similarity: 0.61,
      },
    ],
    says: "1 similar incident; k8s.rollout-undo fixed it.",
    tookMs: 3,
  },
});

/** What is remembered of an incident. The event carries the whole record, so memory can be rebuilt from the stream. */
export const MemoryStored = defineEvent({
  type: "memory.stored",
  says: "Scribe wrote a finished incident to memory.",
  scope: "incident",
  saidBy: ["scribe"],
  schema: z.strictObject({
    service: z.string().min(1),
    operation: z.string().min(1),
    symptoms: z.array(z.string().max(1024)).max(32),
    errorType: z.string().optional(),
    signature: z.string().max(512).optional(),
    rootCause: z.string().max(2048),
    location: locationSchema.optional(),
    fixes: z.array(recalledFixSchema).max(16),
    resolveMs: z.number().min(0),
    /** Kind of the cause, and the version that showed it, where the diagnosis found them. */
    kind: candidateSchema.shape.kind.optional(),
    version: z.string().max(256).optional(),
    /** The services that were affected, from the entry to the fault as far as the diagnosis knows the call path. */
    services: z.array(z.string().max(256)).max(64).optional(),
    /** What the evidence said, with names and numbers of single requests taken out. */
    evidence: z.array(z.string().max(512)).max(8).optional(),
    outcome: z.enum(["healed", "prevented", "subsided", "escalated"]).optional(),
  }),
  example: {
    service: "payments",
    operation: "POST /charges",
    symptoms: ["24 of 90 requests to payments POST /charges failed in the last 6 s (27 %, baseline 0.1 %)."],
    errorType: "TypeError",
    signature: "Cannot read properties of undefined (reading '<*>')",
    rootCause: "payments 1.5.0 throws TypeError at payments/loyalty.ts:21",
    location: { function: "loyaltyDiscount", file: "payments/loyalty.ts", lineStart: 21 },
    fixes: [
      {
        actionType: "k8s.rollout-undo",
        target: { system: "kubernetes", namespace: "shop", kind: "Deployment", name: "payments" },
        outcome: "verified",
      },
    ],
    resolveMs: 21000,
    kind: "code",
    version: "1.5.0",
    services: ["storefront", "checkout", "payments"],
    evidence: ["TypeError thrown in loyaltyDiscount; <n> of <n> failing traces end here."],
    outcome: "healed",
  },
});

/** Forgetting takes an incident out of every recall, for ever; the record stays on the stream and in the audit log. */
export const MemoryForgotten = defineEvent({
  type: "memory.forgotten",
  says: "A person took an incident out of memory: no recall finds it again, whatever is remembered of it later.",
  scope: "incident",
  saidBy: ["operator"],
  schema: z.strictObject({ by: z.string().min(1).max(256), reason: z.string().min(1).max(1024) }),
  example: { by: "ada", reason: "A drill; what was done then heals nothing." },
});

export const DocumentationCited = defineEvent({
  type: "documentation.cited",
  says: "Scribe found passages of the documentation that speak of the diagnosed cause.",
  scope: "incident",
  saidBy: ["scribe"],
  schema: z.strictObject({
    /** Best first; none is an answer. */
    passages: z.array(passageSchema).max(5),
    says: z.string().max(1024),
    tookMs: z.number().min(0),
  }),
  example: {
    passages: [
      {
        source: "runbooks/payments.md",
        heading: "Payments > Charges fail after a release",
        line: 12,
        says: "Roll back to the last version whose charges succeed; the loyalty step has no fallback.",
        similarity: 0.61,
      },
    ],
    says: "runbooks/payments.md, 'Payments > Charges fail after a release'.",
    tookMs: 4,
  },
});

export const PostmortemWritten = defineEvent({
  type: "postmortem.written",
  says: "Scribe wrote the post-mortem; the text is in the event, its hash proves copies.",
  scope: "incident",
  saidBy: ["scribe"],
  schema: z.strictObject({
    mediaType: z.literal("text/markdown"),
    text: z.string().max(262_144),
    sha256: sha256Schema,
    model: z.string().optional(),
  }),
  example: {
    mediaType: "text/markdown",
    text: "# payments: POST /charges fails\n",
    sha256: "5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592",
  },
});
