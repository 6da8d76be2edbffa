import { z } from "zod";
import { timeSchema } from "./vocabulary.ts";

/** Steps of one record at most; what lasts longer is told in longer steps. */
export const metricStepsMax = 120;

const counts = z.array(z.number().int().min(0)).min(1).max(metricStepsMax);

/** How the requests to some operations went over time: rate, errors and duration, counted from spans by the time they began at. */
export const metricRecordSchema = z
  .strictObject({
    from: timeSchema,
    stepMs: z.number().int().min(1000).max(600_000),
    operations: z
      .array(
        z.strictObject({
          service: z.string().min(1).max(256),
          operation: z.string().max(256),
          /** One number for each step, from the first. */
          requests: counts,
          failures: counts,
          /** 95th percentile of durations; null where nothing was requested. */
          p95Ms: z.array(z.number().min(0).nullable()).min(1).max(metricStepsMax),
        }),
      )
      .min(1)
      .max(8),
  })
  .refine(
    ({ operations }) =>
      new Set(operations.flatMap((of) => [of.requests, of.failures, of.p95Ms].map(({ length }) => length))).size === 1,
    { message: "every series has the same number of steps" },
  );
export type MetricRecord = z.infer<typeof metricRecordSchema>;
