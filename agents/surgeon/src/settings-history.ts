import type { KubernetesObject } from "./kubernetes/objects.ts";

/** How many versions of a config map are remembered, for how many of them, and up to which size: 24 MB at the very most. */
const versionsMax = 3;
const configMapsMax = 500;
const settingsCharsMax = 16_384;

export interface SettingsVersion {
  /** When it was first seen, milliseconds since the epoch. */
  readonly seenAt: number;
  readonly settings: Readonly<Record<string, string>>;
}

/**
 * What config maps said before. Kubernetes keeps revisions of deployments and none of config maps, so Surgeon remembers what it saw of
 * them. It is a memory of the world, not of decisions: a Surgeon that starts anew knows no earlier values and proposes none.
 */
export class SettingsHistory {
  /** Newest version last; the most recently changed config map last. */
  readonly #versions = new Map<string, SettingsVersion[]>();

  observe(namespace: string, configMaps: readonly KubernetesObject[], now: number): void {
    for (const { metadata, data = {} } of configMaps) {
      if (JSON.stringify(data).length > settingsCharsMax) continue;
      const key = `${namespace}/${metadata.name}`;
      const known = this.#versions.get(key) ?? [];
      const newest = known.at(-1);
      if (newest !== undefined && sameSettings(newest.settings, data)) continue;
      this.#versions.delete(key);
      this.#versions.set(key, [...known, { seenAt: now, settings: data }].slice(-versionsMax));
    }
    for (const key of this.#versions.keys()) {
      if (this.#versions.size <= configMapsMax) break;
      this.#versions.delete(key);
    }
  }

  /** The version in force and the one before it; nothing when there was no change since Surgeon looks. */
  lastChange(namespace: string, name: string): { before: SettingsVersion; after: SettingsVersion } | undefined {
    const [before, after] = (this.#versions.get(`${namespace}/${name}`) ?? []).slice(-2);
    return before === undefined || after === undefined ? undefined : { before, after };
  }
}

function sameSettings(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
