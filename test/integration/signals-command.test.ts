import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { Stage, until } from "../agent-processes.ts";
import { OmegaUnderTest } from "../e2e/omega.ts";
import { installedBus } from "../nats-servers.ts";

const json = (text: string): { signalId: string; clearedAt?: string; incidentId?: string; says: string }[] =>
  JSON.parse(text) as { signalId: string; clearedAt?: string; incidentId?: string; says: string }[];

test("omega signals lists what is unusual with its lead time and incident, and watch tells it live", async (t) => {
  const installed = await installedBus();
  t.after(() => installed.close());
  const omega = new OmegaUnderTest(t);
  const stage = new Stage(await installed.connect(), join(omega.home, "keys"));
  const server = ["--server", installed.server.url];

  const none = await omega.run("signals", ...server);
  assert.equal(none.code, 0, none.stderr);
  assert.match(none.stderr, /Nothing is unusual now\./);

  const watching = omega.start(["signals", "watch", ...server]);
  let told = "";
  let noted = "";
  watching.child.stdout?.on("data", (chunk: Buffer) => (told += chunk.toString()));
  watching.child.stderr?.on("data", (chunk: Buffer) => (noted += chunk.toString()));
  await until(
    "it watches",
    () => noted.includes("Watching"),
    () => noted,
  );

  const leak = "container.memory.usage of payments-0 rose steadily; payments runs out of memory in 40 min.";
  const early = { signalId: "sig-leak", kind: "saturation", severity: "warning", says: leak, leadTimeMs: 2_400_000 };
  await stage.say("scout", "signal.detected", { causeId: "one", data: early });
  await stage.say("scout", "signal.detected", { causeId: "two", data: { signalId: "sig-errors" } });
  await stage.say("coordinator", "incident.opened", {
    causeId: "three",
    incidentid: "inc-1",
    data: {
      signal: {
        signalId: "sig-errors",
        service: "payments",
        operation: "POST /charges",
        kind: "error-ratio",
        says: ".",
      },
    },
  });
  await stage.say("scout", "signal.cleared", {
    causeId: "four",
    data: { signalId: "sig-errors", says: "None failed." },
  });
  await until(
    "the end is told",
    () => told.includes("None failed."),
    () => told,
  );
  assert.match(
    told,
    /warning +container\.memory\.usage .+ in 40 min\.\n.+users hurt in 40 min 0 s, e\.g\. trace 0af7651916cd43dd8448eb211c80319c/,
  );
  watching.child.kill("SIGINT");
  assert.equal((await watching.ended).code, 0);

  const listed = await omega.run("signals", ...server);
  assert.match(listed.stdout, /warning +saturation +payments +in 40 min 0 s +- +container\.memory\.usage/);
  assert.doesNotMatch(listed.stdout, /sig-errors|error-ratio/);
  const all = json((await omega.run("signals", "ls", "--all", "--json", ...server)).stdout);
  assert.deepEqual(
    all.map(({ signalId, incidentId }) => [signalId, incidentId]),
    [
      ["sig-errors", "inc-1"],
      ["sig-leak", undefined],
    ],
  );
  assert.ok(all[0]?.clearedAt !== undefined);
  const others = await omega.run("signals", "ls", "--service", "search", "--json", ...server);
  assert.deepEqual(json(others.stdout), []);
});
