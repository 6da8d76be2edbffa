import type { IncomingMessage } from "node:http";
import { createGunzip } from "node:zlib";

export type Body =
  | { readonly ok: true; readonly bytes: Buffer }
  | { readonly ok: false; readonly status: 400 | 413 | 415; readonly message: string };

/**
 * Reads a request's body, unpacked. Both what arrives and what it unpacks to are limited while reading, so a small body that
 * unpacks to gigabytes costs no more than `limitBytes` and one chunk.
 */
export const readBody = async (request: IncomingMessage, limitBytes: number): Promise<Body> => {
  const tooLarge: Body = {
    ok: false,
    status: 413,
    message: `the body is larger than ${limitBytes} bytes once unpacked`,
  };
  const packing = (request.headers["content-encoding"] ?? "identity").trim().toLowerCase();
  if (packing !== "identity" && packing !== "gzip") {
    return { ok: false, status: 415, message: `content-encoding "${packing}" is not supported; send gzip or nothing` };
  }
  if (Number(request.headers["content-length"] ?? 0) > limitBytes) return tooLarge;
  const source = packing === "gzip" ? request.pipe(createGunzip()) : request;
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of source) {
      length += (chunk as Buffer).length;
      if (length > limitBytes) return tooLarge;
      chunks.push(chunk as Buffer);
    }
  } catch (error) {
    return {
      ok: false,
      status: 400,
      message: `the body cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
  return {
    ok: true,
    bytes: chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, length),
  };
};
