import { type Checked, passed, refused } from "./checked.ts";
import { decodeBase64, decodeDecimal, decodeUtf8, encodeBase64 } from "./encoding.ts";
import { type Hash, hashBytes } from "./merkle.ts";

/**
 * The body of `POST <prefix>/add-checkpoint` (c2sp.org/tlog-witness):
 *
 *     old 20852014
 *     PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
 *
 *     example.com/behind-the-sofa
 *     …
 */
export interface AddCheckpoint {
  /** Size of the checkpoint that the witness cosigned last, 0 for none. */
  readonly oldSize: number;
  /** Consistency proof from that size to the checkpoint's. */
  readonly proof: readonly Hash[];
  /** The signed checkpoint. */
  readonly checkpoint: string;
}

export const addCheckpointPath = "/add-checkpoint";

/** Content type of a 409 whose body is the size that the witness knows. */
export const sizeContentType = "text/x.tlog.size";

const proofLinesMax = 63;

export function formatAddCheckpoint({ oldSize, proof, checkpoint }: AddCheckpoint): string {
  return [`old ${oldSize}`, ...proof.map(encodeBase64), "", checkpoint].join("\n");
}

export function parseAddCheckpoint(bytes: Uint8Array): Checked<AddCheckpoint> {
  const text = decodeUtf8(bytes);
  if (!text.ok) return refused(`the request is ${text.reason}`);
  const blank = text.value.indexOf("\n\n");
  if (blank < 0) return refused("the request has no empty line before its checkpoint");
  const [sizeLine = "", ...proofLines] = text.value.slice(0, blank).split("\n");
  if (!sizeLine.startsWith("old ")) return refused("the request does not start with an old size line");
  const oldSize = decodeDecimal(sizeLine.slice("old ".length));
  if (!oldSize.ok) return refused(`old size: ${oldSize.reason}`);
  if (proofLines.length > proofLinesMax) return refused(`more than ${proofLinesMax} proof lines`);
  const proof: Hash[] = [];
  for (const line of proofLines) {
    const hash = decodeBase64(line);
    if (!hash.ok || hash.value.length !== hashBytes) return refused(`proof line ${line} is not a hash in base64`);
    proof.push(hash.value);
  }
  return passed({ oldSize: oldSize.value, proof, checkpoint: text.value.slice(blank + 2) });
}

/** The size in the body of a 409. */
export function parseSize(body: string): Checked<number> {
  return body.endsWith("\n") ? decodeDecimal(body.slice(0, -1)) : refused("a size ends in a newline");
}

/** Reads a body of at most `bytesMax`; refused when there is more. */
export async function readBody(chunks: AsyncIterable<Uint8Array>, bytesMax: number): Promise<Checked<Uint8Array>> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > bytesMax) return refused(`the body is larger than ${bytesMax} bytes`);
    parts.push(chunk);
  }
  return passed(Buffer.concat(parts));
}
