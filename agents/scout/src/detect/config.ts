import { z } from "zod";
import { detectorDefaults } from "./tuning.ts";

const chance = z.number().gt(0).lt(1);
const share = z.number().min(0).max(1);
const seconds = z.number().int().min(1).max(3600);
const spanMs = z
  .number()
  .int()
  .min(0)
  .max(7 * 86_400_000);
const count = z.number().int().min(1).max(1_000_000);
const enabled = z.boolean().describe("Whether this detector runs.");

const shapes = {
  errorRatio: {
    enabled,
    windowsSeconds: z
      .array(seconds.max(127))
      .min(1)
      .max(8)
      .describe(
        "Stretches up to now whose failures are counted; short ones find an outage sooner, long ones a smaller ratio.",
      ),
    falseAlarmChance: chance.describe(
      "Largest chance that as many failures come by luck; tested each second for each operation.",
    ),
    failuresMin: count.describe("Failures that a window must hold."),
    spreadSecondsMin: z.number().int().min(0).max(120).describe("Failures within less than this are one hiccup."),
    priorRatio: share.describe("How often an operation is taken to fail before anything is known of it."),
    priorRequests: z.number().min(1).max(1e6).describe("How many requests that first guess weighs."),
    ratioMin: share.describe("A ratio of failures below this is never told."),
  },
  latency: {
    enabled,
    windowSeconds: seconds.max(127).describe("The stretch up to now whose slow requests are counted."),
    quantile: share.describe("The quantile of normal durations that slow requests are told by."),
    factor: z.number().min(1).max(1000).describe("A request is slow beyond this multiple of the normal quantile,"),
    marginMs: z.number().min(0).max(3_600_000).describe("and at least this much above it."),
    requestsMin: count.describe("Requests that the window must hold."),
    normalRequestsMin: count.describe("Requests from which on the normal quantile is known."),
    falseAlarmChance: chance.describe("Largest chance that as many slow requests come by luck."),
    sustainedSeconds: z.number().int().min(0).max(3600).describe("It must be seen for this long without a break."),
  },
  latencyDrift: {
    enabled,
    stepSeconds: seconds.describe("Durations of so long stand for one point of the trend, their 95th percentile."),
    requestsMin: count.describe("Requests that a point needs."),
    windowsSteps: z
      .array(z.number().int().min(8).max(1000))
      .min(1)
      .max(6)
      .describe("Newest points over which a trend is looked for."),
    falseAlarmChance: chance.describe(
      "Largest chance of so steady a rise in a series that does not move (Mann-Kendall).",
    ),
    riseMin: z.number().min(0).max(100).describe("Rise from which on it is told, as a part of where it began."),
    objectiveMs: z
      .number()
      .min(0)
      .max(3_600_000)
      .describe("Users hurt from this 95th percentile on; 0 takes the bound from which on requests count as slow."),
    horizonMs: spanMs.describe("What reaches the limit later than this is not told yet."),
    soonMs: spanMs.describe("Told once more, as critical, when the limit is this near."),
  },
  burnRate: {
    enabled,
    objective: z
      .number()
      .gt(0)
      .lt(1)
      .describe("The part of a service's requests that is promised to succeed, over thirty days."),
    failuresMin: count.describe("Failures that the long window must hold."),
  },
  saturation: {
    enabled,
    windowsMs: z
      .array(z.number().int().min(60_000).max(3_600_000))
      .min(1)
      .max(6)
      .describe("Stretches over which a trend is looked for, each seen from its beginning."),
    falseAlarmChance: chance.describe(
      "Largest chance of so steady a rise in a series that does not move (Mann-Kendall).",
    ),
    riseMin: share.describe("A rise below this part of the limit is none."),
    fullAt: share.describe("Part of the limit at which it counts as reached."),
    horizonMs: spanMs.describe("What reaches its limit later than this is not told yet."),
    soonMs: spanMs.describe("Told once more, as critical, when the limit is this near."),
    limits: z
      .record(z.string().min(1), z.number().gt(0))
      .describe("Limits of metrics that report none, by the metric's name and in its unit."),
  },
  anomaly: {
    enabled,
    threshold: z
      .number()
      .gt(0)
      .max(1000)
      .describe("Told from this score on: excess over the usual in units of the series' own tail."),
    probationPoints: count.describe("Points that a series is watched before anything is told of it."),
    stepSeconds: seconds.describe("Requests of so long stand for one point of an operation's series."),
    requestsMin: count.describe("Requests that the median of a point needs."),
    changeMin: z.number().min(0).max(100).describe("A point this near to the usual, as a part of it, is never told."),
  },
} as const;

type Shapes = typeof shapes;
type Name = keyof Shapes;

/** Every setting of a detector with its default, so that the schema itself says what holds when the file says nothing. */
const withDefaults = <N extends Name>(name: N) => {
  const defaults: Readonly<Record<string, unknown>> = { ...detectorDefaults[name] };
  const fields = Object.entries(shapes[name]).map(([key, field]: [string, z.ZodType]) => [
    key,
    field.default(defaults[key]),
  ]);
  return z.strictObject(
    Object.fromEntries(fields) as { [K in keyof Shapes[N]]: z.ZodDefault<Extract<Shapes[N][K], z.ZodType>> },
  );
};

const overrides = z.strictObject({
  errorRatio: z.strictObject(shapes.errorRatio).partial().optional(),
  latency: z.strictObject(shapes.latency).partial().optional(),
  latencyDrift: z.strictObject(shapes.latencyDrift).partial().optional(),
  burnRate: z.strictObject(shapes.burnRate).partial().optional(),
  saturation: z.strictObject(shapes.saturation).partial().optional(),
  anomaly: z.strictObject(shapes.anomaly).partial().optional(),
});

/** The detectors' settings in the config file: for every service, and under `services` for single ones by name. */
export const detectionSchema = z.strictObject({
  errorRatio: withDefaults("errorRatio")
    .prefault({})
    .describe("Failures of an operation against its own past, in seconds."),
  latency: withDefaults("latency").prefault({}).describe("A sudden shift of an operation's durations, in seconds."),
  latencyDrift: withDefaults("latencyDrift")
    .prefault({})
    .describe("A slow rise of an operation's durations, with the time that is left."),
  burnRate: withDefaults("burnRate")
    .prefault({})
    .describe("How fast a service spends its error budget, in pairs of windows."),
  saturation: withDefaults("saturation")
    .prefault({})
    .describe("What fills up (memory, disk, connections), with the time that is left."),
  anomaly: withDefaults("anomaly").prefault({}).describe("Jumps and shifts of any series against its own tail."),
  services: z
    .record(z.string().min(1), overrides)
    .default({})
    .describe("Other settings for single services, by service.name; what is not said holds as above."),
});
