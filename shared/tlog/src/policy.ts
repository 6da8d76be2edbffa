import { type Checked, passed, refused } from "./checked.ts";
import { openCheckpoint, type OpenedCheckpoint } from "./checkpoint.ts";
import { decodeUtf8, encodeBase64 } from "./encoding.ts";
import { type KeyRole, type NoteVerifier, parseVerifierKey } from "./note-key.ts";

/**
 * Whose signatures make a checkpoint valid (c2sp.org/tlog-policy):
 *
 *     log example.com/log+33d7b496+AeHT…
 *     witness one witness.example/one+1f2e3d4c+BA… https://witness.example/one
 *     witness two witness.example/two+5b6a7988+BB…
 *     group both all one two
 *     quorum both
 */
export interface Policy {
  readonly logs: readonly PolicyKey[];
  readonly witnesses: readonly PolicyKey[];
  readonly quorum: QuorumRule;
}

export interface PolicyKey {
  readonly verifier: NoteVerifier;
  /** Where to reach the log or the witness; for a witness its submission prefix (c2sp.org/tlog-witness). */
  readonly url: string | undefined;
}

export type QuorumRule =
  | { readonly kind: "none" }
  | { readonly kind: "witness"; readonly name: string; readonly verifier: NoteVerifier }
  | {
      readonly kind: "group";
      readonly name: string;
      readonly threshold: number;
      readonly members: readonly QuorumRule[];
    };

interface Draft {
  readonly logs: PolicyKey[];
  readonly witnesses: PolicyKey[];
  readonly rules: Map<string, QuorumRule>;
  /** Names that already belong to a group; a second membership would count a witness twice. */
  readonly members: Set<string>;
  quorum: QuorumRule | undefined;
}

/** Parses a policy file. The reason of a refusal starts with the line's number. */
export function parsePolicy(bytes: Uint8Array): Checked<Policy> {
  // Names are opaque octets, so one character stands for each octet (c2sp.org/tlog-policy, "Character set").
  const text = Buffer.from(bytes).toString("latin1");
  const draft: Draft = { logs: [], witnesses: [], rules: new Map(), members: new Set(), quorum: undefined };
  for (const [at, line] of text.split("\n").entries()) {
    if (/[^\t\x20-\x7e\x80-\xff]/.test(line)) return refused(`line ${at + 1}: a control character`);
    const words = line.split(/[ \t]+/).filter((word) => word !== "");
    if (words[0] === undefined || words[0].startsWith("#")) continue;
    const refusal = readLine(draft, words);
    if (refusal !== undefined) return refused(`line ${at + 1}: ${refusal}`);
  }
  if (draft.quorum === undefined) return refused("there is no quorum line");
  return passed({ logs: draft.logs, witnesses: draft.witnesses, quorum: draft.quorum });
}

function readLine(draft: Draft, [keyword, ...words]: string[]): string | undefined {
  switch (keyword) {
    case "log":
      return readLog(draft, words);
    case "witness":
      return readWitness(draft, words);
    case "group":
      return readGroup(draft, words);
    case "quorum":
      return readQuorum(draft, words);
    case undefined:
    default:
      return `${keyword} is not one of log, witness, group, quorum`;
  }
}

function readLog(draft: Draft, [vkey, url, ...rest]: string[]): string | undefined {
  if (vkey === undefined || rest.length > 0) return "a log line is: log <vkey> [<url>]";
  const verifier = readKey(vkey, "log", draft.logs);
  if (!verifier.ok) return verifier.reason;
  draft.logs.push({ verifier: verifier.value, url });
  return undefined;
}

function readWitness(draft: Draft, [name, vkey, url, ...rest]: string[]): string | undefined {
  if (name === undefined || vkey === undefined || rest.length > 0) {
    return "a witness line is: witness <name> <vkey> [<url>]";
  }
  const verifier = readKey(vkey, "witness", draft.witnesses);
  if (!verifier.ok) return verifier.reason;
  draft.witnesses.push({ verifier: verifier.value, url });
  return define(draft, { kind: "witness", name, verifier: verifier.value });
}

function readGroup(draft: Draft, [name, threshold, ...names]: string[]): string | undefined {
  if (name === undefined || threshold === undefined || names.length === 0) {
    return "a group line is: group <name> all|any|<k> <name>…";
  }
  const members: QuorumRule[] = [];
  for (const member of names) {
    const rule = draft.rules.get(member);
    if (rule === undefined) return `${member} is not defined above`;
    if (draft.members.has(member)) return `${member} is in a group already`;
    draft.members.add(member);
    members.push(rule);
  }
  const needed = readThreshold(threshold, members.length);
  if (needed === undefined)
    return `the threshold is all, any or a number from 1 to ${members.length}, not ${threshold}`;
  return define(draft, { kind: "group", name, threshold: needed, members });
}

function readThreshold(text: string, count: number): number | undefined {
  if (text === "all") return count;
  if (text === "any") return 1;
  const number = /^[1-9][0-9]{0,8}$/.test(text) ? Number(text) : 0;
  return number >= 1 && number <= count ? number : undefined;
}

function readQuorum(draft: Draft, [name, ...rest]: string[]): string | undefined {
  if (name === undefined || rest.length > 0) return "a quorum line is: quorum <name>";
  if (draft.quorum !== undefined) return "there is a quorum line already";
  draft.quorum = name === "none" ? { kind: "none" } : draft.rules.get(name);
  return draft.quorum === undefined ? `${name} is not defined above` : undefined;
}

function define(draft: Draft, rule: Exclude<QuorumRule, { kind: "none" }>): string | undefined {
  if (rule.name === "none" || draft.rules.has(rule.name)) return `the name ${rule.name} is taken`;
  draft.rules.set(rule.name, rule);
  return undefined;
}

function readKey(octets: string, role: KeyRole, earlier: readonly PolicyKey[]): Checked<NoteVerifier> {
  const vkey = decodeUtf8(Buffer.from(octets, "latin1"));
  if (!vkey.ok) return refused(`the key is ${vkey.reason}`);
  const verifier = parseVerifierKey(vkey.value);
  if (!verifier.ok) return verifier;
  if (verifier.value.role !== role) return refused(`${verifier.value.name} is not the key of a ${role}`);
  const publicKey = encodeBase64(verifier.value.publicKey);
  const twin = earlier.find((other) => encodeBase64(other.verifier.publicKey) === publicKey);
  return twin === undefined ? verifier : refused(`the same public key as ${twin.verifier.name}`);
}

/** Whether cosignatures by these witnesses fulfil a rule. */
export function isQuorum(rule: QuorumRule, cosigners: ReadonlySet<NoteVerifier>): boolean {
  switch (rule.kind) {
    case "none":
      return true;
    case "witness":
      return cosigners.has(rule.verifier);
    case "group":
      return rule.members.filter((member) => isQuorum(member, cosigners)).length >= rule.threshold;
  }
}

/** A checkpoint signed by one of the policy's logs, or of `logs` given besides, and cosigned by a quorum. */
export function openWitnessed(
  bytes: Uint8Array,
  policy: Policy,
  logs: readonly NoteVerifier[] = [],
): Checked<OpenedCheckpoint> {
  const known = [...policy.logs, ...policy.witnesses].map(({ verifier }) => verifier);
  const opened = openCheckpoint(bytes, [...known, ...logs]);
  if (!opened.ok) return opened;
  const cosigners = new Set(opened.value.note.signedBy.map(({ verifier }) => verifier));
  if (isQuorum(policy.quorum, cosigners)) return opened;
  const names = [...cosigners].filter(({ role }) => role === "witness").map(({ name }) => name);
  return refused(`the cosignatures (${names.join(", ") || "none"}) are not a quorum`);
}
