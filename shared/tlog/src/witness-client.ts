import { passed } from "./checked.ts";
import { parseCheckpoint } from "./checkpoint.ts";
import { encodeUtf8 } from "./encoding.ts";
import { checkSignatures, parseNote, parseSignatureLines } from "./note.ts";
import { isQuorum, type Policy, type PolicyKey } from "./policy.ts";
import type { TileTree } from "./tile-tree.ts";
import { addCheckpointPath, formatAddCheckpoint, parseSize, readBody, sizeContentType } from "./witness-protocol.ts";

/** A log's side of the witness protocol (c2sp.org/tlog-witness). */

export type WitnessReply =
  /** Signature lines of this witness, verified. */
  | { readonly kind: "cosigned"; readonly lines: string }
  /**
   * The witness has proof that the log is not what it was: it cosigned another root for this size (`knownSize` absent),
   * a larger size, or the consistency proof does not lead from what it knows. History was cut or forked.
   */
  | { readonly kind: "contradicted"; readonly knownSize?: number; readonly reason: string }
  /** Out of reach, does not know the log or its key, or does not keep to the protocol. Worth another try later. */
  | { readonly kind: "unavailable"; readonly reason: string };

export interface WitnessClientOptions {
  readonly timeoutMs?: number;
  readonly fetch?: typeof globalThis.fetch;
}

export interface Cosigning {
  /** Whether the replies fulfil the policy's quorum. */
  readonly quorum: boolean;
  /** The good signature lines, for `Log.attach`. */
  readonly lines: string;
  readonly replies: ReadonlyMap<string, WitnessReply>;
}

const answerBytesMax = 64 * 1024;

/** Rounds of being told another size before giving up; more than two only when somebody else submits as well. */
const roundsMax = 4;

/** Asks witnesses to cosign, and remembers what size each of them knew last. */
export class WitnessClient {
  readonly #timeoutMs: number;
  readonly #fetch: typeof globalThis.fetch;
  readonly #sizes = new Map<string, number>();

  constructor({ timeoutMs = 10_000, fetch = globalThis.fetch }: WitnessClientOptions = {}) {
    this.#timeoutMs = timeoutMs;
    this.#fetch = fetch;
  }

  /** Asks all witnesses of a policy that have a URL, at the same time. `tree` proves what led to `checkpoint`. */
  async cosign(policy: Policy, tree: TileTree, checkpoint: string): Promise<Cosigning> {
    const reached = policy.witnesses.filter(({ url }) => url !== undefined);
    const replies = await Promise.all(reached.map((witness) => this.ask(witness, tree, checkpoint)));
    const cosigners = reached.filter((_witness, at) => replies[at]?.kind === "cosigned");
    return {
      quorum: isQuorum(policy.quorum, new Set(cosigners.map(({ verifier }) => verifier))),
      lines: replies.map((reply) => (reply.kind === "cosigned" ? reply.lines : "")).join(""),
      replies: new Map(reached.map(({ verifier }, at) => [verifier.name, replies[at] ?? unavailable("no reply")])),
    };
  }

  async ask(witness: PolicyKey, tree: TileTree, checkpoint: string): Promise<WitnessReply> {
    const note = parseNote(encodeUtf8(checkpoint));
    const parsed = note.ok ? parseCheckpoint(note.value.text) : note;
    if (!parsed.ok) return unavailable(`not a checkpoint: ${parsed.reason}`);
    const { size } = parsed.value;
    const { name } = witness.verifier;
    for (let round = 0; round < roundsMax; round++) {
      const oldSize = this.#sizes.get(name) ?? 0;
      if (oldSize > size) {
        this.#sizes.delete(name);
        return {
          kind: "contradicted",
          knownSize: oldSize,
          reason: `${name} has cosigned ${oldSize} entries, not ${size}`,
        };
      }
      const proof = oldSize === 0 ? { ok: true as const, value: [] } : await tree.consistencyProof(oldSize, size);
      if (!proof.ok) return unavailable(`no consistency proof: ${proof.reason}`);
      const body = formatAddCheckpoint({ oldSize, proof: proof.value, checkpoint });
      const reply = await this.#post(witness, body, checkpoint);
      if (typeof reply !== "number") {
        if (reply.kind === "cosigned") this.#sizes.set(name, size);
        return reply;
      }
      if (reply === oldSize) return unavailable(`${name} refuses the size that it names itself`);
      this.#sizes.set(name, reply);
    }
    return unavailable(`${name} named another size ${roundsMax} times`);
  }

  /** One request: the reply, or the size that the witness wants the proof to start from. */
  async #post({ verifier, url = "" }: PolicyKey, body: string, checkpoint: string): Promise<WitnessReply | number> {
    try {
      const target = `${url.replace(/\/+$/, "")}${addCheckpointPath}`;
      const signal = AbortSignal.timeout(this.#timeoutMs);
      const response = await this.#fetch(target, { method: "POST", body, signal, redirect: "error" });
      const read = response.body === null ? passed(new Uint8Array(0)) : await readBody(response.body, answerBytesMax);
      if (!read.ok) return unavailable(`${verifier.name}: ${read.reason}`);
      const text = Buffer.from(read.value).toString("utf8");
      if (response.status === 200) return readCosignature(verifier, text, checkpoint);
      if (response.status === 409 && response.headers.get("content-type") === sizeContentType) {
        const size = parseSize(text);
        return size.ok ? size.value : unavailable(`${verifier.name}: ${size.reason}`);
      }
      const reason = `${verifier.name} answered ${response.status}: ${text.trim().slice(0, 200)}`;
      return response.status === 409 || response.status === 422
        ? { kind: "contradicted", reason }
        : unavailable(reason);
    } catch (error) {
      return unavailable(`${verifier.name} cannot be reached: ${describe(error)}`);
    }
  }
}

function readCosignature(verifier: PolicyKey["verifier"], lines: string, checkpoint: string): WitnessReply {
  const note = parseNote(encodeUtf8(checkpoint));
  if (!note.ok) return unavailable(note.reason);
  const signatures = parseSignatureLines(lines);
  if (!signatures.ok) return unavailable(`${verifier.name}: ${signatures.reason}`);
  const good = checkSignatures(note.value.text, signatures.value, [verifier]);
  if (!good.ok) return unavailable(good.reason);
  if (good.value.length === 0) return unavailable(`${verifier.name} answered without a signature of its own`);
  return { kind: "cosigned", lines: good.value.map(({ signature }) => signature.line).join("") };
}

function unavailable(reason: string): WitnessReply {
  return { kind: "unavailable", reason };
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
