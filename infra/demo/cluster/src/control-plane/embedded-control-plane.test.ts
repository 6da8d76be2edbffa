// What the shared expectations cannot ask of a real cluster: that this one comes back from a restart as it was, and says clearly what is wrong.
import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startControlPlane } from "./embedded-control-plane.ts";
import { parseTokens } from "./rbac.ts";
import { Journal } from "./store/journal.ts";
import { Store } from "./store/store.ts";

function temporary(t: { after: (f: () => void) => void }): string {
  const dir = mkdtempSync(join(tmpdir(), "omega-control-plane-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const object = (name: string) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default", uid: name, resourceVersion: "", creationTimestamp: "2026-01-01T00:00:00Z" },
});

test("objects and versions survive a crash; a torn last line is dropped; no version is given twice", (t) => {
  const dir = temporary(t);
  const journal = new Journal(dir);
  const store = new Store(journal);
  const kept = store.put("/configmaps", object("kept"));
  store.put("/configmaps", object("gone"));
  store.remove("/configmaps", "default", "gone");
  const { revision } = store;
  journal.close();
  const [file] = readdirSync(dir);
  appendFileSync(join(dir, file ?? ""), '{"rv":99,"put":"/configmaps","obj');
  const again = new Store(new Journal(dir));
  assert.deepEqual(again.list("/configmaps"), [kept]);
  assert.ok(again.revision > revision);
  assert.deepEqual(again.changesSince("/configmaps", revision), [], "a watch resumes where the journal ended");
  assert.equal(again.changesSince("/configmaps", revision - 1), undefined, "and not before it");
  assert.equal(
    again.changesSince("/configmaps", revision + 5),
    undefined,
    "nor at a version that the crash may have lost",
  );
  again.close();
});

test("a taken directory or port, and a bad token line, are named", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "omega-control-plane-"));
  const first = await startControlPlane({ stateDir: join(dir, "one") });
  t.after(async () => {
    await first.close();
    rmSync(dir, { recursive: true, force: true });
  });
  assert.equal(statSync(first.kubeconfig).mode & 0o777, 0o600);
  await assert.rejects(startControlPlane({ stateDir: join(dir, "one") }), /is in use by process \d+/);
  const port = Number(new URL(first.url).port);
  await assert.rejects(startControlPlane({ stateDir: join(dir, "two"), port }), /port \d+ on 127\.0\.0\.1 is taken/);
  assert.throws(() => parseTokens('ok,user,1,"a,b"\nbroken\n', "tokens.csv"), /tokens\.csv:2: a line must read/);
  assert.deepEqual(parseTokens('t,u,1,"a,b"', "x").get("t")?.groups, ["a", "b", "system:authenticated"]);
});
