import assert from "node:assert/strict";
import { test } from "node:test";
import { CrashFiles } from "./crash-files.ts";
import { latestVersion, VersionedState } from "./state.ts";

async function commit(state: VersionedState, number: number, text: string): Promise<boolean> {
  await state.draft(text);
  await state.syncDraft();
  return state.commit(number);
}

async function latest(files: CrashFiles): Promise<string> {
  const version = await latestVersion(files, "state");
  return version === undefined ? "none" : `${version.number} ${Buffer.from(version.bytes).toString()}`;
}

test("of two writers that know the same version one wins", async () => {
  const files = new CrashFiles();
  const [one, two] = [new VersionedState(files, "state", "one"), new VersionedState(files, "state", "two")];
  assert.equal(await one.settle(), undefined);
  const won = await Promise.all([commit(one, 1, "of one"), commit(two, 1, "of two")]);
  assert.equal(won.filter((isWon) => isWon).length, 1);
  assert.equal(await latest(files), won[0] ? "1 of one" : "1 of two");
});

test("a writer that slept while its version came and went does not win", async () => {
  const files = new CrashFiles();
  const [awake, asleep] = [new VersionedState(files, "state", "awake"), new VersionedState(files, "state", "asleep")];
  await awake.settle();
  await asleep.draft("late");
  await asleep.syncDraft();
  for (let number = 1; number <= 4; number++) {
    assert.equal(await commit(awake, number, `version ${number}`), true);
    await awake.tidy(number);
  }
  assert.deepEqual(await files.list("state").then((names) => names.toSorted()), ["3", "4", "draft-asleep"]);
  assert.equal(await asleep.commit(1), false);
  assert.equal(await latest(files), "4 version 4");
});

test("what commit confirmed outlives a loss of power that keeps nothing else", async () => {
  const files = new CrashFiles();
  const state = new VersionedState(files, "state", "writer");
  await state.settle();
  assert.equal(await commit(state, 1, "first"), true);
  const found = await new VersionedState(files.crash({ keep: "none" }), "state", "next").settle();
  assert.equal(Buffer.from(found?.bytes ?? []).toString(), "first");
});
