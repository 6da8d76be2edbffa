import type { Suspect } from "./diagnosis.ts";

/** What each kind of evidence found on its own, by its own confidence. */
export interface Findings {
  readonly errors: readonly Suspect[];
  readonly transitions: readonly Suspect[];
  readonly resources: readonly Suspect[];
  readonly network: readonly Suspect[];
  readonly latency: readonly Suspect[];
}

const best = (suspects: readonly Suspect[], service?: string): number =>
  suspects.reduce(
    (most, suspect) =>
      service === undefined || suspect.service === service ? Math.max(most, suspect.confidence) : most,
    0,
  );

const scaled = (suspects: readonly Suspect[], by: (suspect: Suspect) => number): Suspect[] =>
  suspects.map((suspect) => ({ ...suspect, confidence: suspect.confidence * by(suspect) }));

/**
 * Joins the kinds of evidence by explaining away, from what says most to what says least: a failing call explains missing steps and
 * slowness beside it; a resource at its limit explains lost time, most of all in its own service; a slow network explains
 * slow callers. What is explained keeps only the rest of its confidence.
 */
export const fuse = ({ errors, transitions, resources, network, latency }: Findings): Suspect[] => {
  const byErrors = 1 - 0.7 * best(errors);
  const byResource = (service: string): number => (1 - 0.9 * best(resources, service)) * (1 - 0.6 * best(resources));
  const joined = [
    ...errors,
    ...scaled(resources, () => byErrors),
    ...scaled(transitions, () => byErrors * (1 - 0.6 * best(resources))),
    ...scaled(network, ({ service }) => byErrors * byResource(service)),
    ...scaled(
      // Time lost between two services is what the network's evidence is about, with a better eye for whose fault it is.
      network.length === 0 ? latency : latency.filter(({ kind }) => kind !== "network"),
      ({ service }) => byErrors * byResource(service) * (1 - 0.8 * best(network)),
    ),
  ].filter(({ confidence }) => confidence > confidenceMin);
  return errors.length > 0 ? joined : calibrated(joined);
};

const confidenceMin = 0.02;
/** The weight of "none of these": what chance brings up in telemetry without a fault. */
const noneWeight = 0.15;

/**
 * Without a failing request the evidence is a set of rivals, each weak by itself. What counts is how far one stands out, from the
 * others and from what chance brings up: shares of the whole, with room for "none of these".
 */
const calibrated = (suspects: readonly Suspect[]): Suspect[] => {
  const whole = noneWeight + suspects.reduce((sum, { confidence }) => sum + confidence, 0);
  return whole >= 1 ? [...suspects] : scaled(suspects, ({ confidence }) => (confidence < noneWeight ? 1 : 1 / whole));
};
