import { copyFileSync, cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { formatVerifierKey } from "@omega/tlog/note-key.ts";
import { tilePath, tilesOf, tileWidth, widthOfTile } from "@omega/tlog/tiles.ts";
import type { CommandContext } from "../commands/context.ts";
import { CommandFailure, exitCode } from "../exit-code.ts";
import { installation } from "../home.ts";
import { AuditFolder, bodyOf, type FolderOptions } from "./audit-folder.ts";

/**
 * Copies what a stranger needs: the published files of the log, the public keys, and the verifier. Content that is kept outside of
 * the log stays at home, and so do the writer's state and every private key.
 */
export async function exportFolder(context: CommandContext, target: string, options: FolderOptions): Promise<void> {
  const folder = await AuditFolder.open(context, options);
  if (existsSync(target)) throw new CommandFailure(exitCode.failed, `${target} exists already; name a new folder.`);
  const log = join(target, "log");
  mkdirSync(log, { recursive: true });
  for (const path of publishedFiles(folder.checkpoint.size)) {
    const bytes = await folder.files.read(path);
    if (bytes === undefined) throw new CommandFailure(exitCode.failed, `${path} is missing; see omega audit verify.`);
    mkdirSync(join(log, dirname(path)), { recursive: true });
    writeFileSync(join(log, path), bytes);
  }
  writeFileSync(join(log, "checkpoint"), folder.note);
  const keys = join(target, "keys", "trusted");
  cpSync(join(folder.keys, "trusted"), keys, { recursive: true });
  copyFileSync(join(installation, "shared", "tlog", "verifier.mjs"), join(target, "verifier.mjs"));
  const [verifier] = folder.verifiers.filter(({ name }) => name === folder.checkpoint.origin);
  const command = `node verifier.mjs log --key ${verifier === undefined ? "VKEY" : formatVerifierKey(verifier)}`;
  const { size } = folder.checkpoint;
  if (options.json === true) context.say(JSON.stringify({ folder: target, size, verify: command }));
  else context.say(`Wrote ${size} entries to ${target}. Anybody checks them there with:\n  ${command}`);
}

function publishedFiles(size: number): string[] {
  const bundles = Array.from({ length: Math.ceil(size / tileWidth) }, (_, index) =>
    tilePath({ level: "entries", index, width: widthOfTile(size, index) }),
  );
  return [...tilesOf(size).map(tilePath), ...bundles];
}

/** The events as a recording, which `omega replay --file` folds again. Messages that are no JSON, and erased ones, are named and left out. */
export async function exportRecording(context: CommandContext, target: string, options: FolderOptions): Promise<void> {
  const folder = await AuditFolder.open(context, options);
  const lines: string[] = [];
  for await (const { index, entry } of folder.entries()) {
    const body = await bodyOf(entry, folder.blobs);
    const event = typeof body === "string" ? undefined : jsonIn(body);
    if (event === undefined) {
      context.note(`omega: entry ${index} is ${typeof body === "string" ? body : "no JSON"} and was left out.`);
      continue;
    }
    const { seq, storedAt, subject } = entry;
    lines.push(JSON.stringify({ seq, storedAt, subject, event }));
  }
  if (target === "-") for (const line of lines) context.say(line);
  else writeFileSync(target, lines.map((line) => `${line}\n`).join(""));
  if (target === "-") return;
  if (options.json === true) context.say(JSON.stringify({ file: target, events: lines.length }));
  else context.say(`Wrote ${lines.length} events to ${target}. Fold them again with: omega replay --file ${target}`);
}

function jsonIn(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
