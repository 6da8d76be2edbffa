import { openCheckpoint, type OpenedCheckpoint, parseCheckpoint } from "./checkpoint.ts";
import { encodeUtf8, equalBytes } from "./encoding.ts";
import type { Files } from "./files.ts";
import { sha256, verifyConsistency } from "./merkle.ts";
import type { NoteSigner, NoteVerifier } from "./note-key.ts";
import { parseNote, signatureLine } from "./note.ts";
import { VersionedState } from "./state.ts";
import { type AddCheckpoint, parseAddCheckpoint, sizeContentType } from "./witness-protocol.ts";

/**
 * A witness (c2sp.org/tlog-witness): cosigns a log's checkpoint once it has seen that the log only grew since the last
 * one it cosigned. It is worth as much as its distance from the log: another account, another machine, another owner.
 */

/** What a witness is made of. */
export interface WitnessOptions {
  readonly files: Files;
  /** A signer of role "witness". */
  readonly signer: NoteSigner;
  /** The logs it watches over; a key's name is the log's origin. */
  readonly logs: readonly NoteVerifier[];
  /** Different for every process that shares the folder, as a random id is. */
  readonly writer: string;
}

export interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422;
  readonly contentType: string;
  readonly body: string;
}

/** Checkpoints that contradict a cosigned one are kept as evidence, this many for each log. */
const evidenceMax = 100;

export class Witness {
  readonly #options: WitnessOptions;
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(options: WitnessOptions) {
    this.#options = options;
  }

  /**
   * Answers the body of an `add-checkpoint` request. Requests for one log are carried out one after the other, and a
   * second process on the same folder loses the compare-and-set; either way no two answers contradict each other.
   * Errors of the disk throw, with nothing cosigned.
   */
  async addCheckpoint(body: Uint8Array): Promise<WitnessAnswer> {
    const request = parseAddCheckpoint(body);
    if (!request.ok) return answer(400, request.reason);
    const note = parseNote(encodeUtf8(request.value.checkpoint));
    if (!note.ok) return answer(400, note.reason);
    const unsigned = parseCheckpoint(note.value.text);
    if (!unsigned.ok) return answer(400, unsigned.reason);
    const { origin, size } = unsigned.value;
    const keys = this.#options.logs.filter(({ name }) => name === origin);
    if (keys.length === 0) return answer(404, `this witness does not know the log ${origin}`);
    const opened = openCheckpoint(encodeUtf8(request.value.checkpoint), keys);
    if (!opened.ok) return answer(403, opened.reason);
    if (request.value.oldSize > size) return answer(400, `old size ${request.value.oldSize} is beyond size ${size}`);
    return this.#inTurn(origin, () => this.#advance(request.value, opened.value));
  }

  async #inTurn(origin: string, work: () => Promise<WitnessAnswer>): Promise<WitnessAnswer> {
    const turn = (this.#turns.get(origin) ?? Promise.resolve()).then(work);
    const settled = turn.catch(() => undefined);
    this.#turns.set(origin, settled);
    return turn;
  }

  async #advance(request: AddCheckpoint, opened: OpenedCheckpoint): Promise<WitnessAnswer> {
    const { files, signer, writer } = this.#options;
    const folder = folderOf(opened.checkpoint.origin);
    await files.makeFolder(folder);
    const state = new VersionedState(files, folder, writer);
    // Settled each time: what another process bound may not be durable yet, and must be before it is built upon.
    const latest = await state.settle();
    const known = latest === undefined ? undefined : this.#reopen(latest.bytes, folder);
    const knownSize = known?.checkpoint.size ?? 0;
    if (request.oldSize !== knownSize) return { status: 409, contentType: sizeContentType, body: `${knownSize}\n` };
    const contradiction = contradictionOf(request, opened, known);
    if (contradiction !== undefined) {
      await this.#keepEvidence(folder, request.checkpoint);
      return contradiction;
    }
    if (latest === undefined || opened.checkpoint.size > knownSize) {
      await state.draft(withoutStrangers(opened));
      await state.syncDraft();
      // A crash before this leaves the old size, after it the new one, cosigned or not; a client then hears the new
      // size and asks again from there.
      const number = (latest?.number ?? 0) + 1;
      if (!(await state.commit(number))) {
        await state.dropDraft();
        return this.#advance(request, opened);
      }
      await state.tidy(number);
    }
    return { status: 200, contentType: "text/plain; charset=utf-8", body: signatureLine(opened.note.text, signer) };
  }

  /** Opens what this witness stored itself; its failing means that somebody else wrote there. */
  #reopen(bytes: Uint8Array, folder: string): OpenedCheckpoint {
    const opened = openCheckpoint(bytes, this.#options.logs);
    if (!opened.ok) throw new Error(`the witness's state in ${folder} is damaged: ${opened.reason}`);
    return opened.value;
  }

  async #keepEvidence(folder: string, checkpoint: string): Promise<void> {
    const { files } = this.#options;
    const evidence = `${folder}/evidence`;
    if ((await files.list(evidence)).length >= evidenceMax) return;
    await files.makeFolder(evidence);
    const bytes = encodeUtf8(checkpoint);
    const path = `${evidence}/${hex(sha256(bytes))}`;
    if (await files.create(path, bytes)) await files.syncFile(path);
    await files.syncFolder(evidence);
  }
}

/** Why the checkpoint cannot follow the known one, with the answer that the protocol has for it. */
function contradictionOf(
  { oldSize, proof }: AddCheckpoint,
  { checkpoint }: OpenedCheckpoint,
  known: OpenedCheckpoint | undefined,
): WitnessAnswer | undefined {
  const { size, root } = checkpoint;
  if (known === undefined || oldSize === 0) {
    return proof.length === 0 ? undefined : answer(422, "a proof from size 0 is empty");
  }
  if (oldSize === size && !equalBytes(known.checkpoint.root, root)) {
    return answer(409, `this witness has cosigned another root for size ${size}`);
  }
  const consistent = verifyConsistency({
    oldSize,
    newSize: size,
    oldRoot: known.checkpoint.root,
    newRoot: root,
    proof,
  });
  return consistent.ok ? undefined : answer(422, consistent.reason);
}

/** The checkpoint with those signatures only that were verified. */
function withoutStrangers({ note }: OpenedCheckpoint): string {
  return `${note.text}\n${note.signedBy.map(({ signature }) => signature.line).join("")}`;
}

function answer(status: WitnessAnswer["status"], sentence: string): WitnessAnswer {
  return { status, contentType: "text/plain; charset=utf-8", body: `${sentence}\n` };
}

function folderOf(origin: string): string {
  return hex(sha256(encodeUtf8(origin)));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
