import { promisify } from "node:util";
import { gzip } from "node:zlib";

const compress = promisify(gzip);
/** Smaller answers cost more to compress than to send. */
const compressedFrom = 1400;

/** A body of JSON, ready to be sent to everybody. */
export interface SharedBody {
  readonly plain: Buffer;
  readonly gzip: Buffer | undefined;
}

interface Kept {
  readonly revision: number;
  readonly body: Promise<SharedBody | undefined>;
  bytes: number;
}

/**
 * Answers that are the same for all who ask, made once for each revision of what they tell. Fifty pages that open one incident cost one
 * answer in time and memory, not fifty. The answers asked for last are kept, up to so many bytes.
 */
export class SharedAnswers {
  readonly #bytesMax: number;
  readonly #kept = new Map<string, Kept>();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The answer under a name as of a revision; `make` gives its value, or nothing where there is nothing to tell, which is not kept. */
  async of(name: string, revision: number, make: () => Promise<unknown>): Promise<SharedBody | undefined> {
    const known = this.#kept.get(name);
    // Asked for again: the last to be let go of.
    this.#kept.delete(name);
    const kept = known?.revision === revision ? known : this.#begin(name, revision, make);
    this.#kept.set(name, kept);
    return await kept.body;
  }

  #begin(name: string, revision: number, make: () => Promise<unknown>): Kept {
    const kept: Kept = { revision, body: bodyOf(make), bytes: 0 };
    const forget = (): void => {
      if (this.#kept.get(name) === kept) this.#kept.delete(name);
    };
    kept.body.then(
      (body) => {
        if (body === undefined) return forget();
        kept.bytes = body.plain.length + (body.gzip?.length ?? 0);
        this.#letGo();
      },
      // Whoever asked hears of the failure; the next one who asks tries again.
      forget,
    );
    return kept;
  }

  #letGo(): void {
    let bytes = 0;
    for (const [name, kept] of [...this.#kept].toReversed()) {
      bytes += kept.bytes;
      if (bytes > this.#bytesMax && kept.bytes > 0) this.#kept.delete(name);
    }
  }
}

async function bodyOf(make: () => Promise<unknown>): Promise<SharedBody | undefined> {
  const value = await make();
  if (value === undefined) return undefined;
  const plain = Buffer.from(JSON.stringify(value));
  return { plain, gzip: plain.length < compressedFrom ? undefined : await compress(plain, { level: 3 }) };
}
