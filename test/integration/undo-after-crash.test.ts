import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { clusterChoices, type Cluster } from "../conformance/actions/cluster.ts";
import { RealSshd, sshdMissing } from "../conformance/ssh/real-sshd.ts";
import { countChanges, oneOfEach, rescuers, titleOfCell, tryCells, type Cell } from "../proofs/undo/cells.ts";

// The short version of `npm run prove -- undo`: the same cells, fewer of them.

const missing = sshdMissing();

describe("what a dead Surgeon left, with strangers at its targets", () => {
  let cluster: Cluster;
  let sshd: RealSshd | undefined;
  let cells: Cell[] = [];
  before(async () => {
    const [embedded] = clusterChoices;
    assert.ok(embedded !== undefined);
    cluster = await embedded.start();
    if (missing === undefined) sshd = await RealSshd.start();
    cells = oneOfEach(await countChanges({ cluster, sshd }));
  });
  after(async () => {
    await sshd?.stop();
    await cluster.close();
  });

  for (const [index, rescuer] of rescuers.entries()) {
    it(`is as before, or the stranger's change stays and is reported: Surgeon ${rescuer}`, async (context) => {
      if (missing !== undefined) context.diagnostic(`without the actions on hosts: ${missing}`);
      // Each of the three meets other cells.
      const own = cells.filter((_, at) => at % rescuers.length === index);
      const came = await tryCells(own, rescuer, { cluster, sshd });
      const wrong = came.filter((one) => one.came === "wrong").map((one) => `${titleOfCell(one)}: ${one.says}`);
      assert.deepEqual(wrong, []);
      assert.ok(came.some((one) => one.came === "restored") && came.some((one) => one.came === "reported"));
    });
  }
});
