import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpsServer } from "node:https";
import { execFileSync } from "node:child_process";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, describe, it } from "node:test";
import type { Outcome } from "@omega/shared/outcome.ts";
import fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { WebhookClient, type Address, type Resolve } from "../../../agents/surgeon/src/adapters/webhook-client.ts";
import type { HttpAnswer, HttpCall } from "../../../agents/surgeon/src/webhook/http-exchange.ts";
import { webhookConfigSchema } from "../../../agents/surgeon/src/webhook/webhook-config.ts";
import { SmallServer, type Answer, type Received } from "./webhook-servers.ts";

const folder = mkdtempSync(join(tmpdir(), "omega-webhooks-"));
const forever = new AbortController().signal;
const loopback = ["127.0.0.0/8"];
/** The vectors of others: `OMEGA_VECTORS`, or `../shared/vectors` beside the repository or the folder of its worktrees. */
const vectors = [
  process.env["OMEGA_VECTORS"],
  ...["../../../../", "../../../../../"].map((up) => fileURLToPath(new URL(`${up}shared/vectors`, import.meta.url))),
]
  .filter((place) => place !== undefined)
  .map((place) => join(place, "README.md"))
  .find((place) => existsSync(place));

let answer: (request: Received) => Answer | undefined = () => ({ status: 200, body: {} });
const server = await new SmallServer((request, response) => {
  if (request.path === "/flood") {
    response.writeHead(200);
    const more = (): void => {
      while (!response.destroyed && response.write("x".repeat(65_536)));
      response.once("drain", more);
    };
    more();
    return undefined;
  }
  if (request.path === "/drip") {
    response.writeHead(200);
    const timer = setInterval(() => response.write("."), 20);
    response.once("close", () => clearInterval(timer));
    return undefined;
  }
  return answer(request);
}).listen();

interface Setting {
  readonly resolve?: Resolve;
  readonly environment?: Record<string, string>;
}

function client(
  target: object = {},
  { resolve, environment = { SIGNING: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" } }: Setting = {},
): WebhookClient {
  const config = webhookConfigSchema.parse({
    targets: {
      there: {
        kind: "http",
        says: "does it",
        url: server.url,
        allowHttp: true,
        allowAddresses: loopback,
        path: "/hooks",
        statusPath: "/hooks/{id}",
        signingSecret: { env: "SIGNING" },
        callMs: 1000,
        ...target,
      },
    },
  });
  return new WebhookClient(config, environment, resolve);
}

function send(by: WebhookClient, call: Partial<HttpCall> = {}): Promise<Outcome<HttpAnswer>> {
  return by.send({ target: "there", method: "POST", path: "/hooks", body: "{}", effect: "change", ...call }, forever);
}

const failureOf = (outcome: Outcome<unknown>): [string, string] | "ok" =>
  outcome.ok ? "ok" : [outcome.failure.kind, outcome.failure.code];

/** A resolver that gives each of these answers once, the last for ever. */
function resolving(...answers: Address[][]): Resolve & { asked: number } {
  const resolve = Object.assign(
    (): Promise<Address[]> => {
      resolve.asked += 1;
      return Promise.resolve(answers[Math.min(resolve.asked, answers.length) - 1] ?? []);
    },
    { asked: 0 },
  );
  return resolve;
}

const v4 = (address: string): Address => ({ address, family: 4 });

describe("webhook client", () => {
  after(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("speaks https unless the target allows http", () => {
    assert.throws(() => client({ allowHttp: false }), /must be https/);
    for (const url of ["ftp://a/", "https://user:pass@a/", "https://a/?x", "file:///etc/passwd"]) {
      assert.throws(() => client({ url }), /url/, url);
    }
  });

  it("does not follow redirects, and is in doubt about what it sent", async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      server.received.length = 0;
      answer = () => ({ status, headers: { location: `${server.url}/elsewhere` } });
      assert.deepEqual(failureOf(await send(client())), ["unknown", "redirected"]);
      assert.deepEqual(failureOf(await send(client(), { method: "GET", effect: "look" })), ["terminal", "redirected"]);
      assert.deepEqual([...new Set(server.received.map(({ path }) => path))], ["/hooks"]);
    }
  });

  it("is in doubt about a change without an answer, once; a look may be asked again", async () => {
    for (const silent of [(): Answer => "drop", (): undefined => undefined]) {
      server.received.length = 0;
      answer = silent;
      const quick = client({ callMs: 300 });
      assert.deepEqual(failureOf(await send(quick)), ["unknown", "no_answer"]);
      assert.equal(server.received.length, 1, "sent once");
      assert.deepEqual(failureOf(await send(quick, { method: "GET", effect: "look" })), ["retryable", "no_answer"]);
    }
  });

  it("limits the size and the time of an answer", async () => {
    assert.deepEqual(failureOf(await send(client(), { path: "/flood" })), ["unknown", "answer_too_large"]);
    assert.deepEqual(failureOf(await send(client({ callMs: 300 }), { path: "/drip" })), ["unknown", "no_answer"]);
  });

  it("knows that nothing was sent when nobody listens or the name is unknown", async () => {
    const closed = await new SmallServer(() => ({ status: 200 })).listen();
    const { url } = closed;
    await closed.close();
    assert.deepEqual(failureOf(await send(client({ url }))), ["retryable", "unreachable"]);
    const nowhere: Resolve = () => Promise.reject(new Error("ENOTFOUND"));
    assert.deepEqual(failureOf(await send(client({ url: "http://shop.example" }, { resolve: nowhere }))), [
      "retryable",
      "unreachable",
    ]);
  });

  it("connects to the address that it checked: a name that is bound anew in between gains nothing", async () => {
    answer = () => ({ status: 200, body: {} });
    const url = `http://rebinding.example:${server.port}`;
    server.received.length = 0;
    // Allowed at first, another host from then on: a checker that looks up twice would be fooled.
    const rebinding = resolving([v4("127.0.0.2")], [v4("127.0.0.1")]);
    const fooled = client({ url, allowAddresses: ["127.0.0.2/32"] }, { resolve: rebinding });
    assert.deepEqual(failureOf(await send(fooled)), ["retryable", "unreachable"]);
    assert.equal(rebinding.asked, 1);
    assert.deepEqual(failureOf(await send(fooled)), ["terminal", "address_refused"]);
    assert.equal(server.received.length, 0);
    const good = resolving([v4("127.0.0.1")]);
    assert.equal(failureOf(await send(client({ url }, { resolve: good }))), "ok");
    assert.equal(server.received[0]?.headers.host, `rebinding.example:${server.port}`);
  });

  it("refuses a name when any of its addresses is bad", async () => {
    const url = `http://mixed.example:${server.port}`;
    for (const address of ["127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254"]) {
      const mixed = resolving([v4("192.0.1.1"), { address, family: address.includes(":") ? 6 : 4 }]);
      assert.deepEqual(failureOf(await send(client({ url, allowAddresses: [] }, { resolve: mixed }))), [
        "terminal",
        "address_refused",
      ]);
    }
  });

  it("1,000 hostile targets: none gets through to a connection", async () => {
    answer = () => ({ status: 200, body: {} });
    const spelled = fc.constantFrom(
      "127.0.0.1",
      "2130706433",
      "0x7f000001",
      "0177.1",
      "127.1",
      "0x7f.0.0.1",
      "0",
      "0.0.0.0",
      "[::1]",
      "[::]",
      "[::ffff:127.0.0.1]",
      "[::ffff:7f00:1]",
      "[64:ff9b::7f00:1]",
      "[::7f00:1]",
      "[2002:7f00:1::]",
      "127.0.0.1.",
      "１２７.0.0.1",
      "127。0。0。1",
    );
    const anyLoopback = fc
      .tuple(fc.integer({ max: 255, min: 0 }), fc.integer({ max: 255, min: 0 }), fc.integer({ max: 254, min: 1 }))
      .map((bytes) => `127.${bytes.join(".")}`);
    const literal = fc.oneof(spelled, anyLoopback).map((host) => ({ host, addresses: [v4("127.0.0.1")] }));
    const bad = fc.oneof(
      anyLoopback,
      fc.constantFrom(
        "10.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.168.1.1",
        "0.0.0.0",
        "::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "fe80::1",
        "fd00:ec2::254",
        "ff02::1",
        "::",
      ),
    );
    const named = fc
      .tuple(fc.domain(), fc.array(fc.oneof(bad, fc.constant("192.0.1.1")), { maxLength: 2 }), bad)
      .map(([host, others, one]) => ({
        host,
        addresses: [...others, one].map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
      }));
    server.received.length = 0;
    let tried = 0;
    for (const { host, addresses } of fc.sample(fc.oneof(literal, named), { numRuns: 1000, seed: 20_261_124 })) {
      const url = `http://${host}:${server.port}`;
      const outcome = await send(client({ url, allowAddresses: [] }, { resolve: resolving(addresses) }));
      assert.deepEqual(failureOf(outcome), ["terminal", "address_refused"], url);
      tried += 1;
    }
    assert.deepEqual([tried, server.received.length], [1000, 0]);
  });

  it("signs as Standard Webhooks does", async (context) => {
    answer = () => ({ status: 204 });
    if (vectors === undefined) return context.skip("no vectors of others: set OMEGA_VECTORS to their folder");
    const text = readFileSync(vectors, "utf8");
    const found =
      /id `(msg_\w+)`, timestamp `(\d+)`, body `([^`]+)`, secret\s+`(whsec_[^`]+)`, signature `([^`]+)`/.exec(text);
    assert.ok(found, "the vector is in the README");
    const [, id = "", timestamp = "", body = "", secret = "", signature = ""] = found;
    server.received.length = 0;
    const by = client({}, { environment: { SIGNING: secret } });
    assert.equal(failureOf(await send(by, { body, sign: { id, atMs: Number(timestamp) * 1000 } })), "ok");
    const headers: Received["headers"] = server.received[0]?.headers ?? {};
    assert.deepEqual(
      [headers["webhook-id"], headers["webhook-timestamp"], headers["webhook-signature"]],
      [id, timestamp, signature],
    );
    assert.throws(() => new Webhook(secret).verify(`${body} `, headers as Record<string, string>));
    return undefined;
  });

  it("takes secrets from files and the environment, and masks them in what comes back", async () => {
    const file = join(folder, "secret");
    writeFileSync(file, "hunter2-hunter2\n", { mode: 0o600 });
    answer = ({ headers }) => ({ status: 200, body: { echo: headers.authorization } });
    const bearer = await send(client({ auth: { kind: "bearer", secret: { file } } }));
    assert.ok(bearer.ok && server.received.at(-1)?.headers.authorization === "Bearer hunter2-hunter2");
    assert.equal(bearer.value.text, '{"echo":"Bearer [redacted]"}');
    const basic = await send(client({ auth: { kind: "basic", user: "omega", secret: { file } } }));
    assert.ok(basic.ok);
    assert.doesNotMatch(basic.value.text, new RegExp(Buffer.from("omega:hunter2-hunter2").toString("base64")));
    assert.deepEqual(failureOf(await send(client({ auth: { kind: "bearer", secret: { env: "NOT_SET" } } }))), [
      "terminal",
      "secret_missing",
    ]);
  });

  it("checks the certificate of the name, not of the address", async () => {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const subject = ["-subj", "/CN=shop.example", "-addext", "subjectAltName=DNS:shop.example"];
    execFileSync(
      "openssl",
      [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "1",
        "-keyout",
        key,
        "-out",
        cert,
        ...subject,
      ],
      { stdio: "ignore" },
    );
    const secure = createHttpsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_request, response) =>
      response.end("{}"),
    );
    await new Promise<void>((resolve) => secure.listen(0, "127.0.0.1", resolve));
    const { port } = secure.address() as AddressInfo;
    const here = { resolve: resolving([v4("127.0.0.1")]) };
    const at = (host: string, more: object): Promise<Outcome<HttpAnswer>> =>
      send(client({ url: `https://${host}:${port}`, allowHttp: false, ...more }, here));
    assert.equal(failureOf(await at("shop.example", { caFile: cert })), "ok");
    assert.deepEqual(failureOf(await at("other.example", { caFile: cert })), ["retryable", "unreachable"]);
    assert.deepEqual(failureOf(await at("shop.example", {})), ["retryable", "unreachable"]);
    secure.closeAllConnections();
    await new Promise((resolve) => secure.close(resolve));
  });
});
