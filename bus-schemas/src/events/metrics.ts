import { defineEvent } from "../define-event.ts";
import { metricRecordSchema } from "../metric-record.ts";

export const MetricsRecorded = defineEvent({
  type: "metrics.recorded",
  says: "Scout kept how requests went from before the onset until it diagnosed or verified, since its own memory of it is short.",
  scope: "incident",
  saidBy: ["scout"],
  schema: metricRecordSchema,
  example: {
    from: "2026-11-24T02:59:54.000Z",
    stepMs: 2000,
    operations: [
      {
        service: "payments",
        operation: "POST /charges",
        requests: [30, 29, 31, 30, 30, 30],
        failures: [0, 0, 0, 7, 8, 9],
        p95Ms: [18.2, 17.9, 18.4, 20.1, 19.6, 21],
      },
    ],
  },
});
