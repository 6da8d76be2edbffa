import type { IncomingMessage, ServerResponse } from "node:http";
import type { SharedBody } from "./shared-answers.ts";

/** No inline script or style, nothing from elsewhere, no framing; scripts can't be made from text (Trusted Types). */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

/** On every answer, errors included. */
export function guard(response: ServerResponse): void {
  response.setHeader("content-security-policy", contentSecurityPolicy);
  response.setHeader("x-content-type-options", "nosniff");
  response.setHeader("x-frame-options", "DENY");
  response.setHeader("referrer-policy", "no-referrer");
  response.setHeader("cross-origin-opener-policy", "same-origin");
  response.setHeader("cross-origin-resource-policy", "same-origin");
  response.setHeader("permissions-policy", "camera=(), microphone=(), geolocation=()");
}

export function answerJson(response: ServerResponse, status: number, value: unknown): void {
  const text = JSON.stringify(value);
  response.writeHead(status, { "content-type": "application/json; charset=utf-8", "cache-control": "no-store" });
  response.end(text);
}

/** A body that was made once for all who ask. */
export function answerShared(request: IncomingMessage, response: ServerResponse, { plain, gzip }: SharedBody): void {
  const taken = /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? "")) ? gzip : undefined;
  const body = taken ?? plain;
  response.writeHead(200, {
    "content-type": "application/json; charset=utf-8",
    "content-length": body.length,
    "cache-control": "no-store",
    vary: "accept-encoding",
    ...(taken === undefined ? {} : { "content-encoding": "gzip" }),
  });
  response.end(body);
}

export function refuse(response: ServerResponse, status: number, code: string, says: string): void {
  answerJson(response, status, { ok: false, code, says });
}

const bodyBytesMax = 16_384;

/** A JSON body of bounded size; nothing when it is none. */
export async function jsonBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) return undefined;
    bytes += chunk.length;
    if (bytes > bodyBytesMax) return undefined;
    chunks.push(chunk);
  }
  try {
    const json: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    return json;
  } catch {
    return undefined;
  }
}
