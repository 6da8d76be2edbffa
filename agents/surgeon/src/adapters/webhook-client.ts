import { readFileSync } from "node:fs";
import { lookup as lookupName } from "node:dns/promises";
import { isIP, type Socket } from "node:net";
import { fail, ok, reasonOf, type Outcome } from "@omega/shared/outcome.ts";
import type { Webhook } from "standardwebhooks";
import type { Dispatcher, buildConnector } from "undici";
import { refusalOfAddress } from "../webhook/address-guard.ts";
import type { HttpAnswer, HttpCall, HttpExchange } from "../webhook/http-exchange.ts";
import type { SecretPlace, WebhookConfig, WebhookTarget } from "../webhook/webhook-config.ts";

export interface Address {
  readonly address: string;
  readonly family: number;
}
export type Resolve = (hostname: string) => Promise<Address[]>;

const systemResolve: Resolve = (hostname) => lookupName(hostname, { all: true });

class AddressRefused extends Error {}

interface Prepared {
  readonly url: URL;
  readonly headers: Record<string, string>;
  readonly secrets: readonly string[];
  readonly ca: string | undefined;
}

/**
 * HTTP to configured targets only, one connection for each call. The address that was checked is the one that is connected to: names are
 * looked up once, inside the connection's own hook, so a name that answers differently the next time gains nothing.
 */
export class WebhookClient implements HttpExchange {
  readonly #config: WebhookConfig;
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #resolve: Resolve;

  constructor(
    config: WebhookConfig,
    environment: Readonly<Record<string, string | undefined>>,
    resolve: Resolve = systemResolve,
  ) {
    this.#config = config;
    this.#environment = environment;
    this.#resolve = resolve;
  }

  async send(call: HttpCall, signal: AbortSignal): Promise<Outcome<HttpAnswer>> {
    const { targets } = this.#config;
    const target = Object.hasOwn(targets, call.target) ? targets[call.target] : undefined;
    if (target === undefined)
      return fail("terminal", "target_unknown", `No webhook target '${call.target}' is configured.`);
    // Loaded at the first call: a Surgeon without targets does not pay their memory.
    const [undici, { Webhook }] = await Promise.all([import("undici"), import("standardwebhooks")]);
    const prepared = this.#prepare(target, call, (secret) => new Webhook(secret));
    if (!prepared.ok) return prepared;
    const { url, headers, secrets, ca } = prepared.value;
    const progress = { connected: false };
    const connect = this.#guardedConnector(undici.buildConnector, target, ca, progress);
    const limit = AbortSignal.any([signal, AbortSignal.timeout(target.callMs)]);
    const client = new undici.Client(url.origin, { connect, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
    try {
      const response = await client.request({
        method: call.method,
        path: `${url.pathname.replace(/\/$/, "")}${call.path}`,
        headers,
        body: call.body ?? null,
        signal: limit,
      });
      return await answerOf(call, response, target.answerBytesMax, secrets);
    } catch (error) {
      const about = `${call.method} ${call.target}: ${masked(reasonOf(error), secrets)}`;
      if (error instanceof AddressRefused) return fail("terminal", "address_refused", about);
      if (!progress.connected) return fail("retryable", "unreachable", about);
      return fail(call.effect === "change" ? "unknown" : "retryable", "no_answer", about);
    } finally {
      await client.destroy();
    }
  }

  #prepare(target: WebhookTarget, call: HttpCall, signer: (secret: string) => Webhook): Outcome<Prepared> {
    const secrets: string[] = [];
    const take = (place: SecretPlace): string => {
      const secret = this.#secret(place);
      secrets.push(secret);
      return secret;
    };
    const headers: Record<string, string> = {
      "user-agent": "omega-surgeon",
      accept: "application/json",
      ...call.headers,
    };
    try {
      const { auth } = target;
      if (auth?.kind === "bearer") headers["authorization"] = `Bearer ${take(auth.secret)}`;
      if (auth?.kind === "basic")
        headers["authorization"] = `Basic ${encoded(`${auth.user}:${take(auth.secret)}`, secrets)}`;
      if (auth?.kind === "header") headers[auth.name.toLowerCase()] = take(auth.secret);
      if (call.sign !== undefined && target.kind === "http") {
        const at = new Date(call.sign.atMs);
        headers["webhook-id"] = call.sign.id;
        headers["webhook-timestamp"] = String(Math.floor(call.sign.atMs / 1000));
        headers["webhook-signature"] = signer(take(target.signingSecret)).sign(call.sign.id, at, call.body ?? "");
      }
    } catch (error) {
      return fail("terminal", "secret_missing", `${call.target}: ${masked(reasonOf(error), secrets)}`);
    }
    try {
      const ca = target.caFile === undefined ? undefined : readFileSync(target.caFile, "utf8");
      return ok({ url: new URL(target.url), headers, secrets, ca });
    } catch (error) {
      return fail("terminal", "unreadable_ca", `${call.target}: ${reasonOf(error)}`);
    }
  }

  #secret(place: SecretPlace): string {
    if ("file" in place) return readFileSync(place.file, "utf8").trim();
    const value = this.#environment[place.env];
    if (value === undefined || value === "") throw new Error(`the environment variable ${place.env} is not set`);
    return value;
  }

  #guardedConnector(
    build: typeof buildConnector,
    target: WebhookTarget,
    ca: string | undefined,
    progress: { connected: boolean },
  ): buildConnector.connector {
    const refuse = (address: string): AddressRefused | undefined => {
      const why = refusalOfAddress(address, target.allowAddresses);
      return why === undefined ? undefined : new AddressRefused(`the address ${address} ${why}`);
    };
    const checked = async (hostname: string): Promise<Address[]> => {
      const literal = hostname.replace(/^\[|\]$/g, "");
      const family = isIP(literal);
      const addresses = family === 0 ? await this.#resolve(hostname) : [{ address: literal, family }];
      // One bad address among good ones is an attempt, not a fallback.
      for (const { address } of addresses) {
        const refused = refuse(address);
        if (refused !== undefined) throw refused;
      }
      return addresses;
    };
    return (options, callback) => {
      checked(options.hostname).then(
        ([first]) => {
          if (first === undefined) return callback(new Error(`${options.hostname} has no address`), null);
          const connect = build({
            allowH2: false,
            maxCachedSessions: 0,
            timeout: target.callMs,
            ...(ca === undefined ? {} : { ca }),
          });
          const servername =
            isIP(options.hostname.replace(/^\[|\]$/g, "")) === 0 ? { servername: options.hostname } : {};
          // For https the certificate is still that of the name.
          const secure = options.protocol === "https:" ? servername : {};
          return connect({ ...options, ...secure, hostname: first.address }, (...[error, socket]) => {
            if (error !== null) return callback(error, null);
            const refused = refuse(remoteAddressOf(socket));
            if (refused !== undefined) {
              socket.destroy();
              return callback(refused, null);
            }
            progress.connected = true;
            return callback(null, socket);
          });
        },
        (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), null),
      );
    };
  }
}

const remoteAddressOf = (socket: Socket): string => socket.remoteAddress ?? "";

function encoded(credentials: string, secrets: string[]): string {
  const text = Buffer.from(credentials).toString("base64");
  secrets.push(text);
  return text;
}

async function answerOf(
  call: HttpCall,
  response: Dispatcher.ResponseData,
  bytesMax: number,
  secrets: readonly string[],
): Promise<Outcome<HttpAnswer>> {
  const { statusCode: status } = response;
  const doubt = call.effect === "change" ? "unknown" : "terminal";
  if (status >= 300 && status < 400) {
    return fail(doubt, "redirected", `${call.method} ${call.target}: ${status}; redirects are not followed.`);
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax)
      return fail(
        doubt,
        "answer_too_large",
        `${call.method} ${call.target}: the answer is larger than ${bytesMax} bytes.`,
      );
    chunks.push(chunk);
  }
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers))
    headers[name] = Array.isArray(value) ? value.join("; ") : (value ?? "");
  return ok({ status, headers, text: masked(Buffer.concat(chunks).toString("utf8"), secrets) });
}

/** A target that echoes its caller's headers must not put a secret into an event or a log. */
function masked(text: string, secrets: readonly string[]): string {
  return secrets
    .filter((secret) => secret.length >= 4)
    .reduce((safe, secret) => safe.replaceAll(secret, "[redacted]"), text);
}
