import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  formatVerifierKey,
  generateKey,
  parseSignerKey,
  parseVerifierKey,
  publicKeyPem,
  type NoteSigner,
  type NoteVerifier,
} from "@omega/tlog/note-key.ts";
import { fail, ok, type Outcome } from "../outcome.ts";

/** The key that signs checkpoints is none of those that sign events: who may say things must not be able to rewrite what was said. */

const signerFile = "audit-log.key";

/**
 * Loads the log's key from `<folder>/audit-log.key` (mode 0600), making it at the first start, and puts its public half into
 * `<folder>/trusted/` twice: `audit-log.vkey` for tlog tools, `audit-log.pem` for openssl. Failure `terminal/bad_log_key`.
 */
export function loadLogSigner(folder: string, origin: string): Outcome<NoteSigner> {
  const path = join(folder, signerFile);
  mkdirSync(join(folder, "trusted"), { recursive: true, mode: 0o700 });
  if (!existsSync(path)) {
    const key = generateKey(origin, "log");
    if (!key.ok) return fail("terminal", "bad_log_key", `audit.origin: ${key.reason}`);
    writeWhole(path, `${key.value.skey}\n`, 0o600);
  }
  const signer = parseSignerKey(readFileSync(path, "utf8").trim(), () => 0);
  if (!signer.ok) return fail("terminal", "bad_log_key", `${path}: ${signer.reason}`);
  const { verifier } = signer.value;
  if (verifier.name !== origin || verifier.role !== "log") {
    return fail("terminal", "bad_log_key", `${path} is the key of ${verifier.name}, not of the log ${origin}`);
  }
  const trusted = join(folder, "trusted");
  writeWhole(join(trusted, "audit-log.vkey"), `${formatVerifierKey(verifier)}\n`, 0o644);
  writeWhole(join(trusted, "audit-log.pem"), publicKeyPem(verifier), 0o644);
  return ok(signer.value);
}

/** The keys of logs that are trusted here: every `<folder>/trusted/*.vkey`. Failures `terminal/no_log_key`, `terminal/bad_log_key`. */
export function trustedLogKeys(folder: string): Outcome<NoteVerifier[]> {
  const trusted = join(folder, "trusted");
  const names = existsSync(trusted) ? readdirSync(trusted).filter((name) => name.endsWith(".vkey")) : [];
  const verifiers: NoteVerifier[] = [];
  for (const name of names) {
    const path = join(trusted, name);
    const verifier = parseVerifierKey(readFileSync(path, "utf8").trim());
    if (!verifier.ok) return fail("terminal", "bad_log_key", `${path}: ${verifier.reason}`);
    verifiers.push(verifier.value);
  }
  if (verifiers.length === 0) {
    return fail(
      "terminal",
      "no_log_key",
      `${trusted} holds no *.vkey of an audit log; Scribe makes it at its first start.`,
    );
  }
  return ok(verifiers);
}

/** A crash leaves the old file or none, never half of one. */
function writeWhole(path: string, text: string, mode: number): void {
  if (existsSync(path) && readFileSync(path, "utf8") === text) return;
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, text, { mode });
  renameSync(draft, path);
}
