import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { loadActions } from "../../../agents/surgeon/src/actions/registry.ts";
import { RealSshd, sshdMissing } from "../ssh/real-sshd.ts";
import { keepsItsPromises } from "./kit.ts";
import { SshWorld } from "./ssh-world.ts";

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
