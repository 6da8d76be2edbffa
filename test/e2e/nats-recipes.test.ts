import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { busUsers, type BusUser } from "@omega/bus-schemas/access.ts";
import { authorizationConfig } from "@omega/bus-schemas/authorization.ts";
import type { Role } from "@omega/bus-schemas/define-event.ts";
import { busIdentity, makeBusIdentity } from "@omega/shared/bus-identity.ts";
import { installBus, NatsBus } from "@omega/shared/nats-bus.ts";
import { startNatsServer } from "@omega/shared/nats-server.ts";
import { Stage } from "../agent-processes.ts";
import { OmegaUnderTest } from "./omega.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const nats = process.env["NATS_CLI"];
const jq = spawnSync("jq", ["--version"]).status === 0;
const skip = nats === undefined ? "NATS_CLI names no nats command" : jq ? false : "jq is not on the PATH";
const incidentid = "inc-20261124-1a2b3c";

test("every recipe of docs/nats.md shows what it says, with the real nats command", { skip }, async (t) => {
  const omega = new OmegaUnderTest(t);
  const keys = join(omega.home, "keys");
  const named = busUsers.filter((user) => user !== "viewer");
  const users = named.map((user) => ({ user, nkey: makeBusIdentity(busIdentity(keys, user)) }));
  // As `omega up` runs it: whoever has no key may look.
  const config = authorizationConfig(users, { lookingWithoutName: { password: "of-no-use" } });
  const server = await startNatsServer({ storeDir: join(omega.home, "nats"), config });
  t.after(() => server.stop());
  const { url } = server;
  const at = (user: BusUser) => ({ servers: [url], identity: busIdentity(keys, user) });
  assert.ok((await installBus({ ...at("installer"), name: "install" })).ok);
  const saying = new Map<Role, Stage>();
  const stageOf = async (role: Role): Promise<Stage> => {
    const known = saying.get(role);
    if (known !== undefined) return known;
    const bus = await NatsBus.connect({ ...at(role), name: role });
    assert.ok(bus.ok, JSON.stringify(bus));
    t.after(() => bus.value.close());
    if (role === "coordinator")
      assert.ok((await bus.value.leases().create("coordinator", "coordinator-1")) !== undefined);
    const stage = new Stage(bus.value, keys);
    saying.set(role, stage);
    return stage;
  };
  let causeId = await (await stageOf("scout")).say("scout", "signal.detected", { causeId: "telemetry" });
  const story = [
    ["coordinator", "incident.opened"],
    ["scout", "diagnosis.reached"],
    ["coordinator", "action.ordered"],
    ["surgeon", "action.started"],
    ["surgeon", "action.succeeded"],
    ["surgeon", "undo.done"],
    ["surgeon", "agent.faulted"],
    ["coordinator", "rules.loaded"],
  ] as const;
  for (const [role, type] of story) causeId = await (await stageOf(role)).say(role, type, { incidentid, causeId });

  const [bin, work] = [join(omega.home, "bin"), join(omega.home, "work")];
  for (const folder of [bin, work]) mkdirSync(folder);
  writeFileSync(join(bin, "omega"), `#!/bin/sh\nexec '${process.execPath}' '${root}cli/src/main.ts' "$@"\n`);
  chmodSync(join(bin, "omega"), 0o755);
  const path = [bin, dirname(nats ?? ""), dirname(process.execPath), process.env["PATH"]].join(delimiter);
  const env = { ...process.env, PATH: path, HOME: omega.home, OMEGA_HOME: omega.home, OMEGA_NATS_URL: url };

  const document = readFileSync(join(root, "docs/nats.md"), "utf8");
  const blocks = [...document.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, commands = ""]) =>
    commands.replace("nats://127.0.0.1:4222", url),
  );
  const [address = "", ...recipes] = blocks;
  const shown = recipes.map((commands) => {
    const script = `${address}${commands}`;
    const ran = spawnSync("bash", ["-euo", "pipefail", "-c", script], {
      cwd: work,
      env,
      encoding: "utf8",
      timeout: 60_000,
    });
    assert.equal(ran.status, 0, `${commands}\n${ran.stdout}\n${ran.stderr}`);
    return ran.stdout;
  });
  const [there, story1, across, , faulted, pressed, copy] = shown;
  assert.match(there ?? "", /coordinator-work/);
  assert.match(there ?? "", /coordinator-1/, "who leads");
  assert.match(story1 ?? "", /incident\.opened[^]*diagnosis\.reached[^]*action\.succeeded/);
  assert.match(across ?? "", /act-1[^]*undo\.done[^]*omega\.policy\./);
  assert.match(faulted ?? "", /"seq":/);
  assert.match(pressed ?? "", /control\.panic-pressed/);
  assert.match(copy ?? "", /backup\.json/);
});
