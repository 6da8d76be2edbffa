import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { after, describe, it } from "node:test";
import { loadActions } from "../../../agents/surgeon/src/actions/registry.ts";
import { RealSshd, sshdMissing } from "../ssh/real-sshd.ts";
import { contextOf, keepsItsPromises, value, Watch } from "./kit.ts";
import { SshWorld } from "./ssh-world.ts";

const runner = fileURLToPath(new URL("../../../agents/surgeon/src/ssh/runner.sh", import.meta.url));
const missing = sshdMissing();
if (missing !== undefined) it("holds the SSH actions to their promises", { skip: missing }, () => undefined);
else {
  const registry = await loadActions();
  const sshd = await RealSshd.start();
  const world = new SshWorld(sshd);

  const actionOf = (type: string) => {
    const action = registry.get(type);
    assert.ok(action, type);
    return action;
  };

  describe("the promises of SSH actions", { concurrency: 3 }, () => {
    after(async () => {
      world.close();
      await sshd.stop();
    });
    keepsItsPromises(actionOf("ssh.run-template"), async () => world.command());
    keepsItsPromises(actionOf("ssh.free-disk"), async () => world.disk());
    keepsItsPromises(actionOf("ssh.restart-service"), async () => world.service(true), {
      undoWritesNothing: "a service that was active is active again after its restart",
    });
    describe("of a service that is down", () => {
      keepsItsPromises(actionOf("ssh.restart-service"), async () => world.service(false), {
        noForeignChange: "whoever starts a stopped service did what the action would have done",
      });
    });
  });
}

if (missing === undefined) {
  describe("SSH actions through a forced command", () => {
    it("do and take back what the host's own list allows, and nothing else", async () => {
      const registry = await loadActions();
      const sshd = await RealSshd.start(`command="sh ${runner} --allow {folder}/allow",restrict`);
      const world = new SshWorld(sshd, true);
      try {
        for (const [type, place] of [
          ["ssh.run-template", world.command()],
          ["ssh.restart-service", world.service(true)],
          ["ssh.free-disk", world.disk()],
        ] as const) {
          const action = registry.get(type);
          assert.ok(action);
          const context = contextOf(place);
          const before = await place.world();
          const plan = value(await action.plan(context, action.paramsSchema.parse(place.params)), type);
          value(await action.dryRun(context, plan), type);
          value(await action.execute(context, plan), type);
          if (type !== "ssh.restart-service") assert.notDeepEqual(await place.world(), before, type);
          value(await action.undo(context, plan), type);
          assert.deepEqual(await place.world(), before, type);
        }
        const { ssh } = world.command().clients(new Watch());
        const other = await ssh.shell.run(
          { host: "here", argv: ["id"], effect: "change" },
          AbortSignal.timeout(30_000),
        );
        assert.equal(other.ok ? "ok" : other.failure.code, "not_allowed");
      } finally {
        world.close();
        await sshd.stop();
      }
    });
  });
}
