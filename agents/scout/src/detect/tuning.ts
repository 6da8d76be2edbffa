import { anomalySettings } from "./anomaly.ts";
import type { AnomalySettings } from "./anomaly.ts";
import { burnRateSettings } from "./burn-rate.ts";
import type { BurnRateSettings } from "./burn-rate.ts";
import { errorRatioSettings } from "./error-ratio.ts";
import type { ErrorRatioSettings } from "./error-ratio.ts";
import { latencySettings } from "./latency.ts";
import type { LatencySettings } from "./latency.ts";
import { latencyDriftSettings } from "./latency-drift.ts";
import type { LatencyDriftSettings } from "./latency-drift.ts";
import { saturationSettings } from "./saturation.ts";
import type { SaturationSettings } from "./saturation.ts";

/** Settings of every detector, as they are for one service. */
export interface Detectors {
  readonly errorRatio: ErrorRatioSettings;
  readonly latency: LatencySettings;
  readonly latencyDrift: LatencyDriftSettings;
  readonly burnRate: BurnRateSettings;
  readonly saturation: SaturationSettings;
  readonly anomaly: AnomalySettings;
}

export type DetectorName = keyof Detectors;

type Optional<T> = { readonly [K in keyof T]?: T[K] | undefined };
type Overrides = { readonly [Name in DetectorName]?: Optional<Detectors[Name]> | undefined };

/** What the config file says: of all services, and of single ones by name, which goes first. */
export interface DetectionConfig extends Overrides {
  readonly services?: Readonly<Record<string, Overrides>> | undefined;
}

export const detectorDefaults: Detectors = {
  errorRatio: errorRatioSettings,
  latency: latencySettings,
  latencyDrift: latencyDriftSettings,
  burnRate: burnRateSettings,
  saturation: saturationSettings,
  anomaly: anomalySettings,
};

const over = <T extends object>(base: T, changes: Optional<T> | undefined): T => {
  if (changes === undefined) return base;
  const said = Object.entries(changes).filter(([, value]) => value !== undefined);
  return { ...base, ...(Object.fromEntries(said) as Partial<T>) };
};

const withOverrides = (base: Detectors, changes: Overrides): Detectors => ({
  errorRatio: over(base.errorRatio, changes.errorRatio),
  latency: over(base.latency, changes.latency),
  latencyDrift: over(base.latencyDrift, changes.latencyDrift),
  burnRate: over(base.burnRate, changes.burnRate),
  saturation: over(base.saturation, changes.saturation),
  anomaly: over(base.anomaly, changes.anomaly),
});

/** Which settings hold for which service. */
export class Tuning {
  readonly #everywhere: Detectors;
  readonly #services = new Map<string, Detectors>();

  constructor(config: DetectionConfig = {}) {
    this.#everywhere = withOverrides(detectorDefaults, config);
    for (const [service, changes] of Object.entries(config.services ?? {})) {
      this.#services.set(service, withOverrides(this.#everywhere, changes));
    }
  }

  of(service: string): Detectors {
    return this.#services.get(service) ?? this.#everywhere;
  }
}
