import type { Clock } from "@omega/shared/clock.ts";
import type { Log } from "@omega/shared/log.ts";
import { mayTouch, type NamespaceRules } from "./inventory.ts";
import type { KubernetesApi } from "./ports.ts";
import type { SettingsHistory } from "./settings-history.ts";

const roundMs = 10_000;

/** Looks at the config maps of the allowed namespaces every now and then, until the signal aborts. A look that fails is skipped. */
export async function watchSettings(watch: {
  readonly api: KubernetesApi;
  readonly namespaces: NamespaceRules;
  readonly history: SettingsHistory;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { api, namespaces, history, clock, log, signal } = watch;
  while (!signal.aborted) {
    for (const namespace of namespaces.allow.filter((name) => mayTouch(namespaces, name))) {
      const found = await api.list({ kind: "ConfigMap", namespace });
      if (found.ok) history.observe(namespace, found.value, clock.now());
      else log.debug({ namespace, failure: found.failure }, "the config maps could not be read");
    }
    await clock.sleep(roundMs, signal);
  }
}
