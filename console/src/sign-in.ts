import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { personRoles } from "@omega/bus-schemas/define-event.ts";
import { z } from "zod";
import type { ConsoleConfig } from "./config.ts";
import type { Person } from "./wire.ts";

export const cookieName = "omega_session";
const linkMinutes = 15;

const linkSchema = z.strictObject({
  name: z.string().min(1).max(256),
  role: z.enum(personRoles),
  expiresAt: z.number(),
});
const sessionSchema = z.strictObject({ name: z.string(), role: z.enum(personRoles), until: z.number() });

/**
 * Makes a link that signs somebody in once. Only the hash of its token is kept, in a folder that nobody else may read; the token stands
 * behind the `#`, so no server or proxy on the way ever sees it in an address.
 */
export function makeSignInLink(state: string, origin: string, person: Person, now: number): string {
  const token = randomBytes(32).toString("base64url");
  const folder = linkFolder(state);
  const link = { ...person, expiresAt: now + linkMinutes * 60_000 };
  writePrivately(join(folder, `${hashOf(token)}.json`), JSON.stringify(link));
  return `${origin}/sign-in#${token}`;
}

/** Who is at the other end of a request: by a proxy's word where one is trusted, else by the cookie that a one-time link gave. */
export class SignIn {
  readonly #state: string;
  readonly #config: ConsoleConfig["signIn"];
  readonly #now: () => number;
  readonly #key: Buffer;

  constructor(state: string, config: ConsoleConfig["signIn"], now: () => number) {
    this.#state = state;
    this.#config = config;
    this.#now = now;
    const path = join(privateFolder(state), "session.key");
    // Whoever wants every session to end deletes this file and starts the console again.
    if (!existsSync(path)) writePrivately(path, randomBytes(32).toString("hex"));
    this.#key = Buffer.from(readFileSync(path, "utf8"), "hex");
  }

  personOf(request: IncomingMessage): Person | undefined {
    return this.#byProxy(request) ?? this.#byCookie(request);
  }

  /** Takes a link's token, once, and returns the cookie's value and how many seconds it lives. */
  redeem(token: string): { readonly person: Person; readonly cookie: string; readonly seconds: number } | undefined {
    const path = join(linkFolder(this.#state), `${hashOf(token)}.json`);
    const taken = `${path}.${randomBytes(8).toString("hex")}`;
    try {
      // Of two who bring the same token at the same time, one finds nothing to rename.
      renameSync(path, taken);
    } catch {
      return undefined;
    }
    const link = linkSchema.safeParse(JSON.parse(readFileSync(taken, "utf8")));
    rmSync(taken);
    if (!link.success || link.data.expiresAt < this.#now()) return undefined;
    const { name, role } = link.data;
    const seconds = Math.round(this.#config.sessionHours * 3600);
    const payload = Buffer.from(JSON.stringify({ name, role, until: this.#now() + seconds * 1000 })).toString(
      "base64url",
    );
    return { person: { name, role }, cookie: `${payload}.${this.#mac(payload)}`, seconds };
  }

  #byProxy(request: IncomingMessage): Person | undefined {
    const { proxy } = this.#config;
    const address = (request.socket.remoteAddress ?? "").replace(/^::ffff:/, "");
    if (proxy === undefined || !proxy.trust.includes(address)) return undefined;
    const name = one(request.headers[proxy.userHeader.toLowerCase()]);
    if (name === undefined || name === "" || name.length > 256) return undefined;
    const groups = (one(request.headers[proxy.groupsHeader.toLowerCase()]) ?? "").split(",").map((each) => each.trim());
    const role = personRoles.findLast((each) => proxy.roles[each].some((group) => groups.includes(group)));
    return role === undefined ? undefined : { name, role };
  }

  #byCookie(request: IncomingMessage): Person | undefined {
    const value = new RegExp(`(?:^|; )${cookieName}=([\\w-]+)\\.([\\w-]+)(?:;|$)`).exec(request.headers.cookie ?? "");
    const [, payload = "", mac = ""] = value ?? [];
    if (payload === "") return undefined;
    const wanted = Buffer.from(this.#mac(payload));
    const given = Buffer.from(mac);
    if (wanted.length !== given.length || !timingSafeEqual(wanted, given)) return undefined;
    const session = sessionSchema.safeParse(JSON.parse(Buffer.from(payload, "base64url").toString("utf8")));
    if (!session.success || session.data.until < this.#now()) return undefined;
    return { name: session.data.name, role: session.data.role };
  }

  #mac(payload: string): string {
    return createHmac("sha256", this.#key).update(payload).digest("base64url");
  }
}

function linkFolder(state: string): string {
  privateFolder(state);
  const folder = join(state, "links");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

function privateFolder(state: string): string {
  mkdirSync(state, { recursive: true, mode: 0o700 });
  chmodSync(state, 0o700);
  return state;
}

function writePrivately(path: string, text: string): void {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, text, { mode: 0o600 });
  renameSync(draft, path);
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

function one(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? undefined : header;
}
