import { createReadStream, existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";
import { fail, ok, reasonOf } from "@omega/shared/outcome.ts";
import type { Outcome } from "@omega/shared/outcome.ts";
import { decode, signals } from "./decode.ts";
import type { SignalName } from "./decode.ts";
import { Harvest } from "./harvest.ts";

/**
 * Reads a folder of `{traces,logs,metrics}.otlp.jsonl[.gz]`, one OTLP/JSON export request a line, as the Collector's file exporter
 * writes them. Traces must be there, the others may be. Failures: `terminal/telemetry_missing` names the file,
 * `terminal/telemetry_unreadable` file and line.
 */
export const readTelemetry = async (folder: string): Promise<Outcome<Harvest>> => {
  const all = new Harvest();
  for (const signal of signals) {
    const path = [`${signal}.otlp.jsonl`, `${signal}.otlp.jsonl.gz`].map((name) => join(folder, name)).find(existsSync);
    if (path === undefined) {
      if (signal !== "traces") continue;
      return fail("terminal", "telemetry_missing", `${join(folder, "traces.otlp.jsonl")}: no such file, nor with .gz`);
    }
    const read = await readLines(path, signal, all);
    if (!read.ok) return read;
  }
  return ok(all);
};

const readLines = async (path: string, signal: SignalName, all: Harvest): Promise<Outcome<void>> => {
  const file = createReadStream(path);
  const unpacked = path.endsWith(".gz") ? file.pipe(createGunzip()) : file;
  // A pipe doesn't hand errors on: without this a file that can't be read would end the process.
  file.once("error", (error) => unpacked.destroy(error));
  const lines = createInterface({ input: unpacked, crlfDelay: Number.POSITIVE_INFINITY });
  const broken = new Promise<never>((_, reject) => unpacked.once("error", reject));
  broken.catch(() => undefined);
  let number = 0;
  try {
    const iterator = lines[Symbol.asyncIterator]();
    for (;;) {
      const next = await Promise.race([iterator.next(), broken]);
      if (next.done === true) break;
      number += 1;
      if (next.value.trim() === "") continue;
      const decoded = decode(signal, "json", Buffer.from(next.value));
      if (!decoded.ok) return fail("terminal", "telemetry_unreadable", `${path}:${number}: ${decoded.message}`);
      for (const span of decoded.harvest.spans) all.spans.push(span);
      for (const log of decoded.harvest.logs) all.logs.push(log);
      for (const point of decoded.harvest.points) all.points.push(point);
      for (let rejected = 0; rejected < decoded.harvest.rejected; rejected += 1)
        all.reject(`${path}:${number}: ${decoded.harvest.reason}`);
    }
  } catch (error) {
    return fail("terminal", "telemetry_unreadable", `${path}:${number + 1}: ${reasonOf(error)}`);
  } finally {
    lines.close();
    file.destroy();
  }
  return ok();
};
