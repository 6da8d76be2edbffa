import { Keyring } from "@omega/shared/signing.ts";
import type { Policy } from "@omega/tlog/policy.ts";
import { TileTree } from "@omega/tlog/tile-tree.ts";
import { verifyLog, type ShownCheckpoint, type Verified } from "@omega/tlog/verify.ts";
import { DiskReader } from "@omega/tlog/disk-reader.ts";
import type { Problem } from "@omega/tlog/verify-files.ts";
import type { AuditFolder } from "./audit-folder.ts";
import { Auditor, type AuditCounts } from "./auditor.ts";

export type AuditVerdict =
  | { readonly ok: true; readonly value: Verified; readonly counts: AuditCounts }
  | { readonly ok: false; readonly problem: Problem };

/** The tlog verifier over the folder, and what each entry says by the auditor. Of several problems the first by index. */
export async function verifyAudit(
  places: Pick<AuditFolder, "folder" | "keys" | "verifiers" | "blobs">,
  options: { readonly policy?: Policy; readonly older: readonly ShownCheckpoint[] },
): Promise<AuditVerdict> {
  const auditor = new Auditor(new Keyring(places.keys), places.blobs);
  const files = new DiskReader(places.folder);
  const verdict = await verifyLog({
    files,
    logs: places.verifiers,
    ...options,
    check: (index, entry) => auditor.take(index, entry),
  });
  if (!verdict.ok) return verdict;
  const tree = new TileTree(files, verdict.value.size);
  const problems: Problem[] = [];
  const unvouched = auditor.unvouched();
  if (unvouched !== undefined) problems.push({ ...unvouched, file: "tile/entries" });
  for (const { index, size, root } of auditor.announced) {
    const own = await tree.root(size);
    if (own.ok && Buffer.from(own.value).toString("hex") === root) continue;
    const reason = `Scribe announced another root for the first ${size} entries`;
    problems.push({ index: Math.min(index, size), file: "tile/entries", reason });
    break;
  }
  const [problem] = problems.toSorted((one, other) => (one.index ?? 0) - (other.index ?? 0));
  return problem === undefined ? { ok: true, value: verdict.value, counts: auditor.counts } : { ok: false, problem };
}
