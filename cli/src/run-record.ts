import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { z } from "zod";
import type { Home } from "./home.ts";

const processSchema = z.strictObject({ name: z.string(), pid: z.number().int() });

/** What `omega up` says about itself in `run.json`, so that the other commands find the bus. */
const runRecordSchema = z.strictObject({
  /** The process of `omega up` itself. */
  pid: z.number().int(),
  startedAt: z.string(),
  natsUrl: z.string(),
  processes: z.array(processSchema),
});
export type RunRecord = z.infer<typeof runRecordSchema>;

/** `undefined` where nothing was recorded or the record can't be read. */
export function readRunRecord(home: Home): RunRecord | undefined {
  try {
    return runRecordSchema.safeParse(JSON.parse(readFileSync(home.runFile, "utf8"))).data;
  } catch {
    return undefined;
  }
}

export function writeRunRecord(home: Home, record: RunRecord): void {
  const draft = `${home.runFile}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(record, undefined, 2)}\n`);
  renameSync(draft, home.runFile);
}

export function removeRunRecord(home: Home): void {
  rmSync(home.runFile, { force: true });
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
