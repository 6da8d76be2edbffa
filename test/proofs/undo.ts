import { Cluster, clusterChoices, type ClusterChoice } from "../conformance/actions/cluster.ts";
import { RealSshd, sshdMissing } from "../conformance/ssh/real-sshd.ts";
import type { ProofResult, Report } from "./contract.ts";
import {
  cellsWith,
  countChanges,
  rescuers,
  spread,
  titleOfCell,
  tryCells,
  type Surroundings,
  type Tried,
} from "./undo/cells.ts";
import { foreigners } from "./undo/places.ts";

export const about =
  "every reversible action, dead at each step, with strangers at its target: the world is as before, or the stranger's change stays and is reported";

/** On a real control plane each cell waits for real controllers. */
const batchOnReal = 40;

/** Cells on the mini cluster, a real sshd and real HTTP servers; and on a real control plane where there is one. */
export async function run(report: Report): Promise<ProofResult> {
  const [embedded, real] = clusterChoices;
  const tried: Tried[] = [];
  const missing = sshdMissing();
  if (missing !== undefined) throw new Error(missing);
  const sshd = await RealSshd.start();
  try {
    tried.push(...(await onCluster(embedded, { sshd, report })));
  } finally {
    await sshd.stop();
  }
  let onReal = 0;
  if (real?.skip === false) {
    const there = await onCluster(real, { sshd: undefined, report, sampleOf: batchOnReal });
    onReal = there.length;
    tried.push(...there);
  } else report(`no real control plane: ${real?.skip ?? "none is known"}`);
  const count = (came: Tried["came"]): number => tried.filter((one) => one.came === came).length;
  const wrong = count("wrong");
  return {
    name: "undo",
    tried: tried.length,
    held: tried.length - wrong,
    cells: tried.length,
    restored: count("restored"),
    conflicts: count("reported"),
    wrong,
    onRealControlPlane: onReal,
  };
}

interface How {
  readonly sshd: RealSshd | undefined;
  readonly report: Report;
  /** Cells for each rescuer and stranger, spread over all of them; absent: every one. */
  readonly sampleOf?: number;
}

async function onCluster(choice: ClusterChoice | undefined, { sshd, report, sampleOf }: How): Promise<Tried[]> {
  if (choice === undefined) throw new Error("no cluster is known");
  const cluster: Cluster = await choice.start();
  const around: Surroundings = { cluster, sshd };
  const tried: Tried[] = [];
  try {
    const counted = await countChanges(around);
    for (const foreign of foreigners) {
      const cells = cellsWith(foreign, counted);
      for (const rescuer of rescuers) {
        const began = Date.now();
        const came = await tryCells(spread(cells, sampleOf ?? cells.length), rescuer, around);
        tried.push(...came);
        for (const one of came.filter((each) => each.came === "wrong"))
          report(`WRONG  ${rescuer}: ${titleOfCell(one)}: ${one.says}`);
        const of = (what: Tried["came"]): number => came.filter((one) => one.came === what).length;
        report(
          `${choice.name}, ${foreign}, ${rescuer}: ${came.length} cells, ${of("restored")} restored, ${of("reported")} reported, ${of("wrong")} wrong  (${Math.round((Date.now() - began) / 1000)} s)`,
        );
      }
    }
    return tried;
  } finally {
    await cluster.close();
  }
}
