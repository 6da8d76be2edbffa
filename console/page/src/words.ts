/** Times and figures as people read them. */

export function clockTime(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19);
}

export function dateTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** `4 s`, `3 min`, `2 h`, `5 d`. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} d`;
}

/** How long after a moment, with its sign: `+4.2 s`. */
export function offset(ms: number): string {
  const sign = ms < 0 ? "-" : "+";
  const absolute = Math.abs(ms);
  if (absolute < 100_000) return `${sign}${(absolute / 1000).toFixed(1)} s`;
  return `${sign}${age(absolute)}`;
}

export function share(value: number): string {
  return `${Number((value * 100).toFixed(1))} %`;
}

export function quantity(value: number, unit: string): string {
  return unit === "1" ? share(value) : `${Number(value.toPrecision(3))} ${unit.replaceAll(/[{}]/g, "")}`;
}

export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}
