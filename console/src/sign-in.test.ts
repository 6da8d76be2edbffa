import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { consoleConfigSchema, type ConsoleConfig } from "./config.ts";
import { makeSignInLink, SignIn } from "./sign-in.ts";

const hourMs = 3_600_000;

function signInOf(
  t: TestContext,
  config: object = {},
): { state: string; at: { now: number }; signIn: SignIn; config: ConsoleConfig } {
  const state = mkdtempSync(join(tmpdir(), "omega-sign-in-"));
  t.after(() => rmSync(state, { recursive: true, force: true }));
  const at = { now: 1_000_000 };
  const whole = consoleConfigSchema.parse({ bus: {}, keys: "k", state, settings: "s", signIn: config });
  return { state, at, config: whole, signIn: new SignIn(state, whole.signIn, () => at.now) };
}

function request(headers: Record<string, string>, remoteAddress = "10.0.0.7"): IncomingMessage {
  return { headers, socket: { remoteAddress } } as unknown as IncomingMessage;
}

const tokenIn = (link: string): string => link.split("#")[1] ?? "";

test("a link is taken once and soon, and the folder holds no token", (t) => {
  const { state, at, signIn } = signInOf(t);
  const link = makeSignInLink(state, "http://console", { name: "ada", role: "responder" }, at.now);
  const stored = readdirSync(join(state, "links")).map(
    (name) => name + readFileSync(join(state, "links", name), "utf8"),
  );
  assert.ok(!stored.join().includes(tokenIn(link)));
  assert.equal(statSync(join(state, "session.key")).mode & 0o777, 0o600);
  assert.equal(statSync(state).mode & 0o777, 0o700);
  assert.deepEqual(signIn.redeem(tokenIn(link))?.person, { name: "ada", role: "responder" });
  assert.equal(signIn.redeem(tokenIn(link)), undefined);
  assert.equal(signIn.redeem("../session.key"), undefined);
  const late = makeSignInLink(state, "http://console", { name: "ada", role: "responder" }, at.now);
  at.now += hourMs;
  assert.equal(signIn.redeem(tokenIn(late)), undefined);
});

test("a cookie says who one is until it ends, also to a console that was started again; a changed one says nothing", (t) => {
  const { state, at, signIn, config } = signInOf(t, { sessionHours: 2 });
  const link = makeSignInLink(state, "http://console", { name: "vic", role: "viewer" }, at.now);
  const cookie = signIn.redeem(tokenIn(link))?.cookie ?? "";
  const carrying = (value: string): IncomingMessage => request({ cookie: `a=b; omega_session=${value}` });
  const again = new SignIn(state, config.signIn, () => at.now);
  assert.deepEqual(again.personOf(carrying(cookie)), { name: "vic", role: "viewer" });
  const [payload = "", mac = ""] = cookie.split(".");
  const admin = Buffer.from(Buffer.from(payload, "base64url").toString().replace("viewer", "admin")).toString(
    "base64url",
  );
  assert.equal(again.personOf(carrying(`${admin}.${mac}`)), undefined);
  assert.equal(again.personOf(carrying(`${payload}.`)), undefined);
  at.now += 3 * hourMs;
  assert.equal(again.personOf(carrying(cookie)), undefined);
});

test("headers say who one is only when the trusted proxy sent them, and the highest of one's groups counts", (t) => {
  const roles = { viewer: ["everybody"], responder: ["on-call"], admin: ["platform"] };
  const { signIn } = signInOf(t, { proxy: { trust: ["10.0.0.7"], roles } });
  const headers = { "x-forwarded-email": "ada@example.com", "x-forwarded-groups": "everybody, on-call" };
  assert.deepEqual(signIn.personOf(request(headers)), { name: "ada@example.com", role: "responder" });
  assert.deepEqual(signIn.personOf(request(headers, "::ffff:10.0.0.7")), {
    name: "ada@example.com",
    role: "responder",
  });
  assert.equal(signIn.personOf(request(headers, "10.0.0.8")), undefined);
  assert.equal(signIn.personOf(request({ ...headers, "x-forwarded-groups": "strangers" })), undefined);
});
