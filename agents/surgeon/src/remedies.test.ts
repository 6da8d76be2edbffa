import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Candidate } from "@omega/bus-schemas/vocabulary.ts";
import fc from "fast-check";
import { loadActions } from "./actions/registry.ts";
import { surgeonConfigSchema } from "./config.ts";
import { considerRemedies, remediesSchema } from "./remedies.ts";
import { inOrder, type Considered } from "./repair-planner.ts";
import { sshConfigSchema } from "./ssh/ssh-config.ts";

const registry = await loadActions();
const words = ["true"];
const host = { address: "10.1.0.7", user: "omega", identity: "/etc/omega/key" };
const ssh = sshConfigSchema.parse({
  knownHosts: "/etc/omega/known_hosts",
  hosts: { "web-1": host, "web-2": { ...host, address: "web-2.internal" } },
  services: {
    nginx: { hosts: ["web-1"], check: words, active: words, instance: words, restart: words, stop: words },
  },
  disks: {
    logs: { hosts: ["web-1"], path: "/var/log/shop", names: ["*.log"], olderThanMinutes: 60, quarantine: "/mnt/spare" },
  },
});
const given = {
  "free-logs": {
    when: { services: ["payments"], kinds: ["disk"] },
    action: "ssh.free-disk",
    params: { host: "{host}", disk: "logs" },
    says: "Old logs fill the disk",
    weight: 80,
  },
  "restart-nginx": {
    when: { services: ["*"], kinds: ["latency", "error"], errorTypes: ["ECONNRESET"] },
    action: "ssh.restart-service",
    params: { host: "web-1", service: "nginx" },
    says: "nginx hangs now and then",
  },
  "flag-off": {
    when: { services: ["payments"], changes: ["flag-*"] },
    action: "webhook.feature-flag",
    params: { target: "switches", flag: "{change}", value: false },
    says: "The flag goes back to what it was",
    weight: 95,
  },
  "roll-back-by-pipeline": {
    when: { services: ["payments"], kinds: ["code"] },
    action: "webhook.github-workflow",
    params: { target: "roll-back-shop", values: { version: "{healthyVersion}" } },
    says: "The pipeline puts the last good release out",
  },
};
const remedies = remediesSchema.parse(given);

const cause = (changes: Partial<Candidate>): Candidate => ({
  rank: 1,
  service: "payments",
  kind: "code",
  confidence: 0.9,
  evidence: [],
  ...changes,
});
const consider = (changes: Partial<Candidate>): Considered[] =>
  considerRemedies(cause(changes), { remedies, ssh, registry });
const chosen = (changes: Partial<Candidate>): object[] =>
  consider(changes).flatMap((one) => ("reason" in one ? [] : [{ [one.actionType]: one.params }]));
const refused = (changes: Partial<Candidate>, actionType: string): string =>
  consider(changes).flatMap((one) => ("reason" in one && one.actionType === actionType ? [one.reason] : []))[0] ?? "";
const metricOf = (instance: string): Candidate["evidence"] => [
  { kind: "metric", ref: `metric:system.filesystem.utilization@${instance}`, says: "rose to 99 %" },
];

describe("a remedy of the operator's", () => {
  it("frees the disk of the host that the evidence names, by name or by address", () => {
    for (const instance of ["web-1", "10.1.0.7"]) {
      assert.deepEqual(chosen({ kind: "disk", evidence: metricOf(instance) }), [
        { "ssh.free-disk": { host: "web-1", disk: "logs" } },
      ]);
    }
    assert.match(refused({ kind: "disk" }, "ssh.free-disk"), /names no \{host\}, which it needs/);
    const both = [...metricOf("web-1"), ...metricOf("web-2.internal")];
    assert.match(refused({ kind: "disk", evidence: both }, "ssh.free-disk"), /names no \{host\}/);
    assert.match(refused({ kind: "disk", evidence: metricOf("db-9") }, "ssh.free-disk"), /names no \{host\}/);
  });

  it("restarts a service on a host for the errors that it is for, of any service", () => {
    const hung = { service: "checkout", kind: "error", errorType: "ECONNRESET" } as const;
    assert.deepEqual(chosen(hung), [{ "ssh.restart-service": { host: "web-1", service: "nginx" } }]);
    assert.match(
      refused({ ...hung, errorType: "TypeError" }, "ssh.restart-service"),
      /'restart-nginx': it mends errors of type ECONNRESET, and this is TypeError/,
    );
  });

  it("switches the flag off that the change list blames, and no other", () => {
    const blamed = { kind: "change", change: { id: "flag-new-checkout" } } as const;
    assert.deepEqual(chosen(blamed), [
      { "webhook.feature-flag": { target: "switches", flag: "flag-new-checkout", value: false } },
    ]);
    assert.match(refused({ kind: "change" }, "webhook.feature-flag"), /no change is known to be the cause/);
    const deploy = { kind: "change", change: { id: "3f2a9c1" } } as const;
    assert.match(refused(deploy, "webhook.feature-flag"), /does not take back change 3f2a9c1/);
  });

  it("has a pipeline put out the version that telemetry shows to be healthy", () => {
    assert.deepEqual(chosen({ healthyVersion: "1.4.0" }), [
      { "webhook.github-workflow": { target: "roll-back-shop", values: { version: "1.4.0" } } },
    ]);
    assert.match(refused({}, "webhook.github-workflow"), /names no \{healthyVersion\}, which it needs/);
  });

  it("says why it was not taken, and nothing of services that it is not for", () => {
    assert.match(refused({ kind: "cpu" }, "ssh.free-disk"), /mends faults of kind disk, and this is one of kind cpu/);
    assert.deepEqual(
      consider({ service: "cart" }).map(({ actionType }) => actionType),
      ["ssh.restart-service"],
    );
  });

  it("stands where its weight puts it, and is not tried twice", () => {
    const changes = { healthyVersion: "1.4.0", change: { id: "flag-x" } };
    const request = { cause: cause(changes), recalled: [], tried: [], requestedAt: "2026-11-24T03:00:00.000Z" };
    const { repairs } = inOrder(request, consider(changes));
    assert.deepEqual(
      repairs.map(({ actionType }) => actionType),
      ["webhook.feature-flag", "webhook.github-workflow"],
    );
    const [first] = repairs;
    assert.ok(first !== undefined);
    const again = inOrder({ ...request, tried: [`${first.actionType} ${first.targetName}`] }, consider(changes));
    assert.deepEqual(
      again.repairs.map(({ actionType }) => actionType),
      ["webhook.github-workflow"],
    );
  });

  it("is filled with whatever telemetry says, and becomes parameters that its schema takes, or nothing", () => {
    const words = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("{host}", "$(reboot)", "../x", "-rf", "a'b"));
    fc.assert(
      fc.property(words, words, words, (service, healthyVersion, change) => {
        const wild = remediesSchema.parse({
          a: {
            ...given["flag-off"],
            when: { services: ["*"] },
            params: { target: "{service}", flag: "{change}", value: 1 },
          },
          b: { ...given["roll-back-by-pipeline"], when: { services: ["*"] } },
          c: { ...given["free-logs"], when: { services: ["*"] }, params: { host: "{service}", disk: "{version}" } },
        });
        const changes = { service, healthyVersion, version: healthyVersion, change: { id: change } };
        for (const one of considerRemedies(cause(changes), { remedies: wild, ssh, registry })) {
          if ("reason" in one) continue;
          const action = registry.get(one.actionType);
          assert.ok(action?.paramsSchema.safeParse(one.params).success);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("the configuration of remedies", () => {
  const mistakesOf = (change: object): string => {
    const parsed = surgeonConfigSchema.safeParse({ bus: {}, keys: "keys", ssh, remedies: { mine: change } });
    return parsed.success
      ? ""
      : parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("\n");
  };
  it("names the place of each mistake", () => {
    const good = given["restart-nginx"];
    assert.equal(mistakesOf(good), "");
    const cases: [object, RegExp][] = [
      [{ ...good, params: { host: "web-9", service: "nginx" } }, /remedies\.mine\.params\.host: no host 'web-9' is/],
      [{ ...good, params: { host: "web-1", service: "ngnix" } }, /remedies\.mine\.params\.service: no service 'ngnix'/],
      [{ ...good, params: { host: "{hots}" } }, /remedies\.mine\.params: no placeholder \{hots\} exists/],
      [{ ...good, action: "k8s.scale" }, /remedies\.mine\.action: must be an action of the families ssh or webhook/],
      [{ ...good, when: { services: [] } }, /remedies\.mine\.when\.services/],
      [{ ...given["roll-back-by-pipeline"] }, /no webhook target 'roll-back-shop' is configured/],
    ];
    for (const [change, expected] of cases) assert.match(mistakesOf(change), expected);
  });
});
