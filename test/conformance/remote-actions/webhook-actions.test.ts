import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { systemClock } from "@omega/shared/clock.ts";
import { createLog } from "@omega/shared/log.ts";
import { WebhookClient } from "../../../agents/surgeon/src/adapters/webhook-client.ts";
import { loadActions, type AnyAction } from "../../../agents/surgeon/src/actions/registry.ts";
import type { Clients } from "../../../agents/surgeon/src/ports.ts";
import { sshConfigSchema } from "../../../agents/surgeon/src/ssh/ssh-config.ts";
import { webhookConfigSchema } from "../../../agents/surgeon/src/webhook/webhook-config.ts";
import { noShell } from "../actions/elsewhere.ts";
import { keepsItsPromises, kindOf, value, Watch, type Arranged } from "./kit.ts";
import { noKubernetes } from "./ssh-world.ts";
import { flags, gitHub, jenkins, receiver, type SmallServer } from "./webhook-servers.ts";

const token = "ghp_0123456789abcdef";
const signingSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const registry = await loadActions();
const servers: SmallServer[] = [];

const actionOf = (type: string): AnyAction => {
  const action = registry.get(type);
  assert.ok(action, type);
  return action;
};

const here = { allowHttp: true, allowAddresses: ["127.0.0.0/8"] };
const runTarget = {
  ...here,
  says: "rolls the shop back",
  pollMs: 10,
  params: { service: { type: "enum", values: ["shop", "$(id)"] } },
};

/** Clients that know one target, `there`, watched. */
function clientsOf(server: SmallServer, target: object): (watch: Watch) => Clients {
  servers.push(server);
  const config = webhookConfigSchema.parse({ targets: { there: { url: server.url, ...target } } });
  const real = new WebhookClient(config, { TOKEN: token, SIGNING: signingSecret });
  return (watch) => ({
    kubernetes: noKubernetes,
    ssh: { config: sshConfigSchema.parse({}), shell: noShell },
    webhooks: {
      config,
      http: { send: (call, signal) => watch.call(call.effect === "change", () => real.send(call, signal)) },
    },
  });
}

type Runs = { server: SmallServer; runs: { inputs: Record<string, string> }[] };

/** The world of a run is what was started: how often, and with what. */
async function runPlace({ server, runs }: Runs, target: object, idName: string): Promise<Arranged> {
  await server.listen();
  return {
    params: { target: "there", values: { service: "$(id)" } },
    clients: clientsOf(server, target),
    world: () => Promise.resolve(runs.map(({ inputs }) => ({ ...inputs, [idName]: typeof inputs[idName] }))),
    foreignChange: () => Promise.resolve(),
  };
}

const gitHubTarget = {
  ...runTarget,
  kind: "github-workflow",
  repository: "acme/shop",
  workflow: "rollback.yml",
  ref: "main",
  auth: { kind: "bearer", secret: { env: "TOKEN" } },
};
const jenkinsTarget = { ...runTarget, kind: "jenkins-build", job: "/job/shop/job/restart" };
const httpTarget = {
  ...runTarget,
  kind: "http",
  path: "/hooks",
  statusPath: "/hooks/{id}",
  signingSecret: { env: "SIGNING" },
};

const viaGitHub = (options: { old?: boolean; conclusion?: string } = {}): Promise<Arranged> =>
  runPlace(gitHub({ token, ...options }), gitHubTarget, "omega_action_id");
const viaJenkins = (options: { crumbs: boolean; result?: string }): Promise<Arranged> =>
  runPlace(jenkins(options), jenkinsTarget, "OMEGA_ACTION_ID");
const viaHttp = (): Promise<Arranged> => runPlace(receiver(signingSecret), httpTarget, "id");

async function flagPlace(etags: boolean, method: "PUT" | "PATCH"): Promise<Arranged> {
  const store = flags({ etags });
  const flag = { enabled: true, note: "kept", version: 1 };
  store.flags.set("new-checkout", flag);
  await store.server.listen();
  return {
    params: { target: "there", flag: "new-checkout", value: false },
    clients: clientsOf(store.server, {
      ...here,
      kind: "feature-flag",
      path: "/api/flags/{flag}",
      flags: ["new-checkout"],
      method,
    }),
    world: () => Promise.resolve({ enabled: flag.enabled, note: flag.note }),
    foreignChange: () => {
      Object.assign(flag, { enabled: "for-some", version: flag.version + 1 });
      return Promise.resolve();
    },
  };
}

const run = { irreversible: "what a run did elsewhere stays", noForeignChange: "a run is new: nobody else has set it" };

const contextOf = (place: Arranged, signal: AbortSignal = AbortSignal.timeout(20_000)) => ({
  clients: place.clients(new Watch()),
  clock: systemClock,
  log: createLog("conformance", "fatal"),
  fieldManager: "omega-inc-conformance",
  signal,
});

describe("the promises of webhook actions", { concurrency: 2 }, () => {
  after(async () => {
    for (const server of servers) await server.close();
  });

  keepsItsPromises(actionOf("webhook.github-workflow"), () => viaGitHub(), run);
  keepsItsPromises(actionOf("webhook.jenkins-build"), () => viaJenkins({ crumbs: false }), run);
  keepsItsPromises(actionOf("webhook.http"), viaHttp, run);
  keepsItsPromises(actionOf("webhook.feature-flag"), () => flagPlace(true, "PUT"));
  describe("of a GitHub that gives no run details", () =>
    keepsItsPromises(actionOf("webhook.github-workflow"), () => viaGitHub({ old: true }), run));
  describe("of a Jenkins that wants crumbs", () =>
    keepsItsPromises(actionOf("webhook.jenkins-build"), () => viaJenkins({ crumbs: true }), run));

  it("a flag store without ETags is changed all the same, with a warning", async () => {
    const place = await flagPlace(false, "PATCH");
    const action = actionOf("webhook.feature-flag");
    const plan = value(await action.plan(contextOf(place), place.params)) as { warnings: string[] };
    assert.match(plan.warnings.join(" "), /no ETag/);
    value(await action.execute(contextOf(place), plan));
    assert.deepEqual(await place.world(), { enabled: false, note: "kept" });
    value(await action.undo(contextOf(place), plan));
    assert.deepEqual(await place.world(), { enabled: true, note: "kept" });
  });

  for (const [type, arrange] of [
    ["webhook.github-workflow", () => viaGitHub({ conclusion: "failure" })],
    ["webhook.jenkins-build", () => viaJenkins({ crumbs: false, result: "UNSTABLE" })],
  ] as const) {
    it(`${type}: a run that failed is terminal, is not started again, and its undo says that it can't`, async () => {
      const place = await arrange();
      const plan = value(await actionOf(type).plan(contextOf(place), place.params));
      value(await actionOf(type).undo(contextOf(place), plan), "undo of what never began");
      for (let times = 0; times < 2; times += 1)
        assert.equal(kindOf(await actionOf(type).execute(contextOf(place), plan)), "terminal");
      assert.equal(((await place.world()) as unknown[]).length, 1);
      const undone = await actionOf(type).undo(contextOf(place), plan);
      assert.equal(undone.ok ? "" : undone.failure.code, "irreversible");
    });
  }

  it("an action cut off in mid-run does not know, and finds its run when it comes again", async () => {
    const place = await viaHttp();
    const action = actionOf("webhook.http");
    const plan = value(await action.plan(contextOf(place), place.params));
    const stop = new AbortController();
    const clients = place.clients(new Watch(undefined, () => Promise.resolve(stop.abort())));
    assert.equal(kindOf(await action.execute({ ...contextOf(place, stop.signal), clients }, plan)), "unknown");
    value(await action.execute(contextOf(place), plan));
    assert.equal(((await place.world()) as unknown[]).length, 1);
  });

  it("refuses targets, kinds, flags and values that are not configured", async () => {
    const place = await viaHttp();
    const flagged = await flagPlace(true, "PATCH");
    const codes: string[] = [];
    for (const [type, params, where] of [
      ["webhook.http", { target: "elsewhere", values: {} }, place],
      ["webhook.jenkins-build", { target: "there", values: { service: "shop" } }, place],
      ["webhook.http", { target: "there", values: { service: "http://169.254.169.254/" } }, place],
      ["webhook.http", { target: "there", values: {} }, place],
      ["webhook.feature-flag", { target: "there", flag: "../admin", value: false }, flagged],
      ["webhook.feature-flag", { target: "there", flag: "new-checkout", value: "off" }, flagged],
      ["webhook.feature-flag", { target: "there", flag: "new-checkout", value: true }, flagged],
    ] as const) {
      const outcome = await actionOf(type).plan(contextOf(where), params);
      codes.push(outcome.ok ? "ok" : outcome.failure.code);
    }
    const expected = [
      "target_unknown",
      "wrong_kind",
      "bad_parameter",
      "bad_parameter",
      "flag_not_allowed",
      "wrong_type",
      "nothing_to_change",
    ];
    assert.deepEqual(codes, expected);
    assert.equal(
      actionOf("webhook.http").paramsSchema.safeParse({ target: "http://169.254.169.254/", values: {} }).success,
      false,
    );
  });

  it("no secret is in a plan", async () => {
    const place = await viaGitHub();
    const plan = value(await actionOf("webhook.github-workflow").plan(contextOf(place), place.params));
    assert.doesNotMatch(JSON.stringify(plan), /ghp_|127\.0\.0\.1/);
  });
});
