import type { Target } from "@omega/bus-schemas/vocabulary.ts";

/** `850 ms`, `21.0 s`, `3 min 20 s`, `2 h 5 min`. */
export function span(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 120) return `${minutes} min ${Math.round((ms % 60_000) / 1000)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `03:00:21.120` of an RFC 3339 time in UTC. */
export function clockTime(time: string): string {
  return time.slice(11, 23);
}

/** `2026-11-24 03:00:21` UTC. */
export function dateTime(time: string): string {
  return `${time.slice(0, 10)} ${time.slice(11, 19)}`;
}

export function percent(share: number): string {
  return `${Number((share * 100).toFixed(1))} %`;
}

/** `Deployment shop/payments`. */
export function targetName(target: Target): string {
  const place = target.namespace === undefined ? target.name : `${target.namespace}/${target.name}`;
  return target.kind === undefined ? place : `${target.kind} ${place}`;
}

export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
