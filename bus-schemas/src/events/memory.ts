import { z } from "zod";
import { defineEvent } from "../define-event.ts";
import { locationSchema, memoryMatchSchema, recalledFixSchema, sha256Schema } from "../vocabulary.ts";

export const MemoryRecalled = defineEvent({
  type: "memory.recalled",
  says: "Scribe looked for similar incidents and what fixed them; 'none' is an answer.",
  scope: "incident",
  saidBy: ["scribe"],
  schema: z.strictObject({
    verdict: z.enum(["similar", "none", "unavailable"]),
    matches: z.array(memoryMatchSchema).max(8),
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
