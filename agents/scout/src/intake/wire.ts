import { redactText } from "./redact.ts";

/** Thrown by Wire on bytes that are not protobuf; caught where a request's decoding starts. */
export class MalformedBytes extends Error {}

const internSlots = 8192;
const internLengthMax = 64;

/**
 * Short strings repeat endlessly in telemetry (names, methods, routes). A direct-mapped table of the last string seen under each
 * hash saves making and redacting them again; a collision only replaces the older one, so the table never grows.
 */
const interned: string[] = Array.from({ length: internSlots }, () => "");
/** What `interned` reads as once redacted: what secrets become must not be looked up by their own bytes. */
const internedRedacted: string[] = Array.from({ length: internSlots }, () => "");

const idSlots = 4096;

/**
 * The spans of one trace share its id, and a parent's id is its children's too: the same string serves them all, found by its bytes in
 * a direct-mapped table that never grows.
 */
class IdTable {
  readonly #words = new Uint32Array(4 * idSlots);
  readonly #texts: string[] = Array.from({ length: idSlots }, () => "");

  /** The hex of the 8 or 16 bytes at `at`. */
  text(bytes: Buffer, view: DataView, at: number, length: number): string {
    const words = this.#words;
    const a = view.getUint32(at);
    const b = view.getUint32(at + 4);
    const c = length === 16 ? view.getUint32(at + 8) : 0;
    const d = length === 16 ? view.getUint32(at + 12) : 0;
    const hash = Math.imul(a ^ c, 0x9e3779b1) ^ Math.imul(b ^ d, 0x85ebca6b);
    const slot = (hash ^ (hash >>> 16)) & (idSlots - 1);
    const place = 4 * slot;
    const known = this.#texts[slot] ?? "";
    const same = words[place] === a && words[place + 1] === b && words[place + 2] === c && words[place + 3] === d;
    if (same && known.length === 2 * length) return known;
    const text = bytes.toString("hex", at, at + length);
    words[place] = a;
    words[place + 1] = b;
    words[place + 2] = c;
    words[place + 3] = d;
    this.#texts[slot] = text;
    return text;
  }
}
const traceIds = new IdTable();
const spanIds = new IdTable();

/**
 * Reads the protobuf wire format (protobuf.dev, "Encoding") in place: nested messages are ranges of the same buffer, nothing is
 * copied before a leaf is read. Every read checks the end of the innermost message it is in.
 */
export class Wire {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  pos = 0;
  end: number;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.end = bytes.length;
  }

  fail(what: string): never {
    throw new MalformedBytes(`${what} at byte ${this.pos} of ${this.#bytes.length}`);
  }

  more(): boolean {
    return this.pos < this.end;
  }

  /** The next varint, exact up to 2^53; a larger one (a negative int64) comes back as its signed value. */
  varint(): number {
    const bytes = this.#bytes;
    let low = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#next(bytes);
      low += (byte & 0x7f) << shift;
      if (byte < 0x80) return low;
    }
    let high = 0;
    for (let index = 0; index < 6; index += 1) {
      const byte = this.#next(bytes);
      high += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) {
        // 28 low bits and up to 42 high ones, of which 36 make a 64 bit number; its top bit is the sign.
        const bits = high % 2 ** 36;
        return (bits >= 2 ** 35 ? bits - 2 ** 36 : bits) * 2 ** 28 + low;
      }
    }
    return this.fail("a varint longer than ten bytes");
  }

  #next(bytes: Buffer): number {
    if (this.pos >= this.end) this.fail("the message ends inside a varint");
    const byte = bytes[this.pos] ?? 0;
    this.pos += 1;
    return byte;
  }

  /** Enters the length-delimited field at hand and returns the end to hand back to `leave`. */
  enter(): number {
    const length = this.varint();
    const outer = this.end;
    if (length < 0 || length > outer - this.pos) this.fail(`a field of ${length} bytes runs past its message`);
    this.end = this.pos + length;
    return outer;
  }

  leave(outer: number): void {
    this.pos = this.end;
    this.end = outer;
  }

  skip(tag: number): void {
    switch (tag & 7) {
      case 0:
        this.varint();
        return;
      case 1:
        this.#take(8);
        return;
      case 2:
        this.leave(this.enter());
        return;
      case 5:
        this.#take(4);
        return;
      default:
        this.fail(`wire type ${tag & 7}, which is not in use`);
    }
  }

  #take(length: number): number {
    const start = this.pos;
    if (length > this.end - start) this.fail(`${length} bytes expected, ${this.end - start} left`);
    this.pos = start + length;
    return start;
  }

  double(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  /** A fixed64 as a number, exact up to 2^53. */
  fixed64(): number {
    const at = this.#take(8);
    return this.#view.getUint32(at + 4, true) * 4294967296 + this.#view.getUint32(at, true);
  }

  sfixed64(): number {
    const at = this.#take(8);
    return this.#view.getInt32(at + 4, true) * 4294967296 + this.#view.getUint32(at, true);
  }

  /** Leaves the position of the next eight bytes to `nanosBetween` and `millis`, which need both halves. */
  timestamp(): number {
    return this.#take(8);
  }

  millisAt(at: number): number {
    return this.#view.getUint32(at + 4, true) * 4294.967296 + this.#view.getUint32(at, true) / 1e6;
  }

  /** Milliseconds from one timestamp to another, with nanosecond precision. */
  millisBetween(from: number, to: number): number {
    const high = this.#view.getUint32(to + 4, true) - this.#view.getUint32(from + 4, true);
    const low = this.#view.getUint32(to, true) - this.#view.getUint32(from, true);
    return high * 4294.967296 + low / 1e6;
  }

  /** An id as lower-case hex, of whatever length it has. */
  id(): string {
    const outer = this.enter();
    const start = this.pos;
    const length = this.end - start;
    let text = "";
    if (length === 16) text = traceIds.text(this.#bytes, this.#view, start, length);
    else if (length === 8) text = spanIds.text(this.#bytes, this.#view, start, length);
    else if (length > 0) text = this.#bytes.toString("hex", start, Math.min(this.end, start + 32));
    this.leave(outer);
    return text;
  }

  base64(): string {
    const outer = this.enter();
    const text = this.#bytes.toString("base64", this.pos, this.end);
    this.leave(outer);
    return text;
  }

  /** A name from a fixed vocabulary, taken as it is. */
  name(): string {
    return this.#string(interned);
  }

  /** Text that anybody may have written: secrets in it are redacted. */
  text(): string {
    return this.#string(internedRedacted);
  }

  #string(table: string[]): string {
    const outer = this.enter();
    const start = this.pos;
    const length = this.end - start;
    const text = length <= internLengthMax ? this.#short(table, start, length) : redactText(this.#utf8(start));
    this.leave(outer);
    return text;
  }

  #utf8(start: number): string {
    return this.#bytes.toString("utf8", start, this.end);
  }

  #short(table: string[], start: number, length: number): string {
    if (length === 0) return "";
    const bytes = this.#bytes;
    let hash = length;
    for (let at = start; at < this.end; at += 1) hash = (Math.imul(hash, 31) + (bytes[at] ?? 0)) | 0;
    const slot = (hash ^ (hash >>> 15)) & (internSlots - 1);
    const known = interned[slot] ?? "";
    if (known.length === length && this.#spells(known, start)) return table[slot] ?? "";
    const fresh = this.#utf8(start);
    const clean = redactText(fresh);
    interned[slot] = fresh;
    internedRedacted[slot] = clean;
    return table === interned ? fresh : clean;
  }

  /** Whether the bytes from `start` are this string; one outside ASCII never matches and is simply made again. */
  #spells(known: string, start: number): boolean {
    const bytes = this.#bytes;
    for (let at = 0; at < known.length; at += 1) if (bytes[start + at] !== known.charCodeAt(at)) return false;
    return true;
  }
}
