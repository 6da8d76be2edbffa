import { readdirSync, readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

interface PageFile {
  readonly type: string;
  readonly plain: Buffer;
  readonly gzip: Buffer;
  readonly brotli: Buffer;
  /** Files with a hash in their name never change. */
  readonly forEver: boolean;
}

/** The built page, read once: a few files, so nothing is looked up on disk by a name that somebody sent. */
export class PageFiles {
  readonly #files = new Map<string, PageFile>();

  constructor(folder: string) {
    for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      const type = types[extname(path)];
      if (type === undefined) continue;
      const plain = readFileSync(join(folder, path));
      this.#files.set(`/${path}`, {
        type,
        plain,
        gzip: gzipSync(plain),
        brotli: brotliCompressSync(plain),
        forEver: path.startsWith("assets/"),
      });
    }
  }

  /** Any other path is a place within the page, which it finds out by itself. */
  serve(request: IncomingMessage, response: ServerResponse, path: string): void {
    const file = this.#files.get(path) ?? (extname(path) === "" ? this.#files.get("/index.html") : undefined);
    if (file === undefined) {
      response.writeHead(404, { "content-type": "text/plain; charset=utf-8" });
      response.end("There is nothing here.\n");
      return;
    }
    const accepted = String(request.headers["accept-encoding"] ?? "");
    const coding = /\bbr\b/.test(accepted) ? "br" : /\bgzip\b/.test(accepted) ? "gzip" : undefined;
    const body = coding === "br" ? file.brotli : coding === "gzip" ? file.gzip : file.plain;
    response.writeHead(200, {
      "content-type": file.type,
      "content-length": body.length,
      "cache-control": file.forEver ? "public, max-age=31536000, immutable" : "no-cache",
      vary: "accept-encoding",
      ...(coding === undefined ? {} : { "content-encoding": coding }),
    });
    response.end(request.method === "HEAD" ? undefined : body);
  }
}
