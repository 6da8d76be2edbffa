/** `850 ms`, `21.0 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 120) return `${minutes} min ${Math.round((ms % 60_000) / 1000)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function percent(share: number): string {
  return `${Number((share * 100).toFixed(1))} %`;
}

/** A measured value with its UCUM unit as people read it: a ratio in per cent, `17 requests`, `12.3 ms`. */
export function quantity(value: number, unit: string): string {
  if (unit === "1") return percent(value);
  const counted = /^\{(\w+)\}$/.exec(unit)?.[1];
  return `${Number(value.toPrecision(3))} ${counted === undefined ? unit : value === 1 ? counted : `${counted}s`}`;
}

export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

const unitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Milliseconds that `90s`, `5m`, `1h30m` or `500ms` say; `undefined` where a text says no duration. */
export function durationOf(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|s|min|m|h|d))+$/.test(text)) return undefined;
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(ms|s|min|m|h|d)/g);
  return Math.round([...parts].reduce((sum, [, number, unit]) => sum + Number(number) * (unitsMs[unit ?? ""] ?? 0), 0));
}
