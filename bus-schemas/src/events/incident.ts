import { z } from "zod";
import { defineEvent } from "../define-event.ts";
import { locationSchema, severitySchema, timeSchema } from "../vocabulary.ts";

const signalReference = z.strictObject({
  signalId: z.string().min(1),
  service: z.string().min(1),
  operation: z.string().min(1),
  kind: z.string().min(1),
  errorType: z.string().optional(),
  signature: z.string().max(512).optional(),
  says: z.string().max(1024),
});

export const IncidentOpened = defineEvent({
  type: "incident.opened",
  says: "The Coordinator took a signal for an incident. Later signals of the same storm extend it.",
  scope: "incident",
  saidBy: ["coordinator"],
  schema: z.strictObject({
    title: z.string().min(1).max(256),
    severity: severitySchema,
    /** When users began to hurt, as far as known then. */
    onset: timeSchema,
    signal: signalReference,
  }),
  example: {
    title: "payments: POST /charges fails",
    severity: "critical",
    onset: "2026-11-24T03:00:00.000Z",
    signal: {
      signalId: "sig-payments-error-ratio-1",
      service: "payments",
      operation: "POST /charges",
      kind: "error-ratio",
      errorType: "TypeError",
      signature: "Cannot read properties of undefined (reading '<*>')",
      says: "24 of 90 requests to payments POST /charges failed in the last 6 s (27 %, baseline 0.1 %).",
    },
  },
});

export const IncidentExtended = defineEvent({
  type: "incident.extended",
  says: "A further signal belongs to an open incident.",
  scope: "incident",
  saidBy: ["coordinator"],
  schema: z.strictObject({ signal: signalReference }),
  example: {
    signal: {
      signalId: "sig-storefront-error-ratio-1",
      service: "storefront",
      operation: "POST /orders",
      kind: "error-ratio",
      says: "21 of 80 requests to storefront POST /orders failed in the last 6 s (26 %, baseline 0 %).",
    },
  },
});

export const IncidentResolved = defineEvent({
  type: "incident.resolved",
  says: "The incident is over: healed by an action and verified, or gone by itself.",
  scope: "incident",
  saidBy: ["coordinator"],
  schema: z.strictObject({
    outcome: z.enum(["healed", "prevented", "subsided"]),
    service: z.string().min(1),
    actionId: z.string().optional(),
    actionType: z.string().optional(),
    location: locationSchema.optional(),
    /** From onset to detection, from detection to diagnosis, from onset to resolution. */
    detectMs: z.number().min(0),
    diagnoseMs: z.number().min(0).optional(),
    resolveMs: z.number().min(0),
    decidedWithoutModel: z.boolean(),
    says: z.string().max(1024),
  }),
  example: {
    outcome: "healed",
    service: "payments",
    actionId: "act-1",
    actionType: "k8s.rollout-undo",
    location: { function: "loyaltyDiscount", file: "payments/loyalty.ts", lineStart: 21 },
    detectMs: 5200,
    diagnoseMs: 300,
    resolveMs: 21000,
    decidedWithoutModel: true,
    says: "k8s.rollout-undo on shop/payments, verified: 0 of 120 requests failed.",
  },
});

export const IncidentEscalated = defineEvent({
  type: "incident.escalated",
  says: "Omega stops acting on this incident by itself and asks for a person.",
  scope: "incident",
  saidBy: ["coordinator"],
  schema: z.strictObject({ reason: z.string().regex(/^[a-z][a-z0-9_]*$/), says: z.string().max(1024) }),
  example: { reason: "no_option_left", says: "Every proposed option was tried or refused." },
});
