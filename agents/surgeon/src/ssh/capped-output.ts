import { createHash, type Hash } from "node:crypto";

/** What a remote command wrote, at most 256 KiB of it, with the length and hash of all of it. */
export interface Output {
  /** UTF-8; where `cutBytes` is above zero, the first and the last half with a line between that says so. */
  readonly text: string;
  readonly bytes: number;
  readonly cutBytes: number;
  /** SHA-256 of every byte, hex. */
  readonly sha256: string;
}

const keptBytesMax = 256 * 1024;

/** Keeps head and tail of a stream in constant memory. */
export class CappedOutput {
  readonly #halfMax: number;
  readonly #hash: Hash = createHash("sha256");
  readonly #head: Buffer[] = [];
  #headBytes = 0;
  #tail: Buffer[] = [];
  #tailBytes = 0;
  #bytes = 0;

  constructor(bytesMax: number = keptBytesMax) {
    this.#halfMax = Math.floor(bytesMax / 2);
  }

  add(chunk: Buffer): void {
    this.#hash.update(chunk);
    this.#bytes += chunk.length;
    const room = this.#halfMax - this.#headBytes;
    if (room > 0) {
      const taken = chunk.subarray(0, room);
      this.#head.push(taken);
      this.#headBytes += taken.length;
    }
    if (chunk.length <= room) return;
    this.#tail.push(chunk.subarray(Math.max(room, 0)));
    this.#tailBytes += chunk.length - Math.max(room, 0);
    // Compacting at twice the size keeps the copying linear.
    if (this.#tailBytes > 2 * this.#halfMax) this.#compact();
  }

  end(): Output {
    this.#compact();
    const head = Buffer.concat(this.#head);
    const tail = Buffer.concat(this.#tail);
    const cutBytes = this.#bytes - head.length - tail.length;
    const sha256 = this.#hash.digest("hex");
    const text =
      cutBytes === 0
        ? Buffer.concat([head, tail]).toString("utf8")
        : `${head.toString("utf8")}\n[${cutBytes} bytes left out]\n${tail.toString("utf8")}`;
    return { text, bytes: this.#bytes, cutBytes, sha256 };
  }

  #compact(): void {
    const all = Buffer.concat(this.#tail);
    const kept = all.subarray(Math.max(0, all.length - this.#halfMax));
    this.#tail = [Buffer.from(kept)];
    this.#tailBytes = kept.length;
  }
}
