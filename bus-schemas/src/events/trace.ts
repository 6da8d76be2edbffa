import { defineEvent } from "../define-event.ts";
import { waterfallSchema } from "../waterfall.ts";

export const TraceRecorded = defineEvent({
  type: "trace.recorded",
  says: "Scout kept the trace that shows the likeliest cause, in bounded size, since its own memory of it is short.",
  scope: "incident",
  saidBy: ["scout"],
  schema: waterfallSchema,
  example: {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    startedAt: "2026-11-24T03:00:00.000Z",
    durationMs: 48.2,
    spans: [
      {
        spanId: "00f067aa0ba902b7",
        depth: 0,
        service: "checkout",
        operation: "POST /orders",
        kind: "server",
        startMs: 0,
        durationMs: 48.2,
        failed: true,
      },
      {
        spanId: "b7ad6b7169203331",
        parentSpanId: "00f067aa0ba902b7",
        depth: 1,
        service: "payments",
        operation: "POST /charges",
        kind: "server",
        startMs: 6.1,
        durationMs: 31,
        failed: true,
        error: "TypeError: Cannot read properties of undefined (reading 'rate')",
        place: "payments/loyalty.ts:21",
        skewMs: 2000,
      },
    ],
    omitted: 3,
    culprit: {
      spanId: "b7ad6b7169203331",
      location: { function: "loyaltyDiscount", file: "payments/loyalty.ts", lineStart: 21 },
      says: "payments 1.5.0 throws TypeError at payments/loyalty.ts:21 (loyaltyDiscount).",
    },
    notes: ["The clock of payments was 2.00 s ahead."],
  },
});
