import type { Action, ActionContext } from "@omega/shared/action.ts";
import { canonicalHash } from "@omega/shared/canonical-json.ts";
import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";
import { z } from "zod";
import type { Clients } from "../../ports.ts";
import { freeSpaceScript, listCommand } from "../../ssh/disk-commands.ts";
import { commandFailure, look } from "../../ssh/guarded-move.ts";
import { nameSchema } from "../../ssh/parameters.ts";
import { quarantineScript, statusOfChange } from "../../ssh/quarantine.ts";
import { templateFor } from "../../ssh/template-choice.ts";

const paramsSchema = z.strictObject({
  host: nameSchema,
  /** Name of a template under `ssh.disks`. */
  disk: nameSchema,
});
type Params = z.infer<typeof paramsSchema>;

const fileSchema = z.strictObject({
  path: z.string().min(1),
  bytes: z.number().int().min(0),
  /** `SIZE:MTIME:UID:GID:MODE`, as stat(1) prints it. */
  was: z.string(),
});
type File = z.infer<typeof fileSchema>;

const planSchema = z.strictObject({
  ...paramsSchema.shape,
  root: z.string(),
  /** This action's own folder in the quarantine. */
  held: z.string(),
  files: z.array(fileSchema).min(1).max(256),
  bytes: z.number().int(),
  warnings: z.array(z.string()),
});
type Plan = z.infer<typeof planSchema>;
type Context = ActionContext<Clients>;

/** So that a word for each file fits into one command. */
const pathLengthMax = 300;

/** Oldest first. Files whose names cannot travel as arguments are left where they are. */
function filesIn(listing: string, max: number): File[] {
  const files: (File & { readonly changedAt: number })[] = [];
  for (const entry of listing.split("\0")) {
    const match = /^(\d+):(\d+\.\d{9})\d*:(\d+:\d+:\d+):(.+)$/s.exec(entry);
    if (match === null) continue;
    const [, size = "", changed = "", owner = "", path = ""] = match;
    if (path.length > pathLengthMax || /[\p{C}\u2028\u2029\uFFFD]/u.test(path)) continue;
    files.push({ path, bytes: Number(size), was: `${size}:${changed}:${owner}`, changedAt: Number(changed) });
  }
  const oldest = files.toSorted((a, b) => a.changedAt - b.changedAt).slice(0, max);
  return oldest.map(({ path, bytes, was }) => ({ path, bytes, was }));
}

const commandFor = (verb: "look" | "move" | "back", { root, held, files }: Plan): string[] => [
  "sh",
  "-c",
  quarantineScript,
  "omega-quarantine",
  verb,
  root,
  held,
  ...files.map(({ was, path }) => `${was}:${path}`),
];

/** The quarantine frees space only on another file system, and only while it has room. */
async function roomFor(context: Context, { host, root, bytes }: Plan, quarantine: string): Promise<Outcome<void>> {
  const looked = await look(context, host, ["sh", "-c", freeSpaceScript, "omega-room", root, quarantine]);
  if (!looked.ok) return looked;
  if (looked.value.exitCode !== 0) return fail("terminal", "check_failed", commandFailure(host, looked.value).message);
  const [from, to, room = ""] = looked.value.stdout.text.split("\n");
  const [blocks = Number.NaN, size = Number.NaN] = room.split(" ").map(Number);
  if (from === to) {
    return fail(
      "terminal",
      "same_file_system",
      `${quarantine} is on the file system of ${root} on ${host}: moving there frees nothing.`,
    );
  }
  if (blocks * size > bytes) return ok();
  return fail("terminal", "quarantine_full", `${quarantine} on ${host} has no room for ${bytes} bytes.`);
}

async function settle(context: Context, plan: Plan, verb: "move" | "back"): Promise<Outcome<void>> {
  const looked = await look(context, plan.host, commandFor("look", plan));
  if (!looked.ok) return looked;
  const signs = looked.value.stdout.text.trim().split("\n");
  const target = verb === "move" ? "-=" : "=-";
  if (looked.value.exitCode === 0 && signs.every((sign) => sign === target)) return ok();
  const changed = looked.value.exitCode === statusOfChange || !signs.every((sign) => settled.has(sign));
  if (changed) return conflict(plan, looked.value.stdout.text);
  const command = { host: plan.host, argv: commandFor(verb, plan), effect: "change" } as const;
  const done = await context.clients.ssh.shell.run(command, context.signal);
  if (!done.ok) return done;
  if (done.value.exitCode === 0) return ok();
  if (done.value.exitCode === statusOfChange) return conflict(plan, done.value.stdout.text);
  return { ok: false, failure: commandFailure(plan.host, done.value) };
}

/** At one of both ends, or copied and not yet removed. */
const settled: ReadonlySet<string> = new Set(["=-", "-=", "=="]);

function conflict({ host, root, held }: Plan, said: string): Outcome<never> {
  const message = `A file below ${root} or ${held} on ${host} is no longer as planned: ${said.trim().slice(-300)}`;
  return fail("conflict", "files_changed", message);
}

/** Moves old files of the paths that the operator named to another disk, where they stay until a person deletes them. */
export const action: Action<Params, Plan, Clients> = {
  type: "ssh.free-disk",
  paramsSchema,
  planSchema,
  traits: {
    reversible: "exact",
    risk: "medium",
    dryRun: "simulated",
    permissions: [],
    refuses: {
      nothing_to_change: "no file is old enough",
      same_file_system: "the quarantine is on the same file system, so nothing would come free",
      quarantine_full: "the quarantine has no room",
      template_changed: "the template names other paths than when it was planned",
    },
    target: ({ host, disk }) => ({ system: "ssh", kind: "disk", name: `${host}/${disk}` }),
    blastRadius: ({ host, root, files, bytes, held }) => ({
      objects: files.map(({ path }) => `${host}: ${root}/${path}`),
      // Files that nobody has written to for long go; what runs there is not disturbed.
      instances: 0,
      says: `${files.length} files (${bytes} bytes) leave ${root} on ${host} for ${held}.`,
    }),
  },

  async plan(context, params) {
    const template = templateFor(context.clients.ssh.config.disks, "ssh.disks", params.disk, params.host);
    if (!template.ok) return template;
    const { path: root, quarantine, filesMax } = template.value;
    const listed = await look(context, params.host, listCommand(template.value));
    if (!listed.ok) return listed;
    if (listed.value.exitCode !== 0)
      return fail("terminal", "look_failed", commandFailure(params.host, listed.value).message);
    const { text, cutBytes } = listed.value.stdout;
    // Of a cut listing the first half is whole but for its last entry.
    const whole = cutBytes === 0 ? text : text.slice(0, text.lastIndexOf("\0", text.indexOf("\n[")));
    const files = filesIn(whole, filesMax);
    if (files.length === 0)
      return fail("terminal", "nothing_to_change", `Nothing below ${root} on ${params.host} is old enough to go.`);
    const held = `${quarantine}/${canonicalHash({ ...params, root, files }).slice(0, 16)}`;
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    const warnings = [
      "Space of a file that a process still holds open comes free only when that process lets go of it.",
    ];
    return ok({ ...params, root, held, files, bytes, warnings });
  },

  async dryRun(context, plan) {
    const template = templateFor(context.clients.ssh.config.disks, "ssh.disks", plan.disk, plan.host);
    if (!template.ok) return template;
    const room = await roomFor(context, plan, template.value.quarantine);
    if (!room.ok) return room;
    const looked = await look(context, plan.host, commandFor("look", plan));
    if (!looked.ok) return looked;
    const signs = looked.value.stdout.text.trim().split("\n");
    if (looked.value.exitCode !== 0 || !signs.every((sign) => sign === "=-"))
      return conflict(plan, looked.value.stdout.text);
    return ok(
      plan.files.map(({ path }) => ({
        object: `${plan.host}: ${plan.root}/${path}`,
        path: "/folder",
        before: plan.root,
        after: plan.held,
      })),
    );
  },

  async execute(context, plan) {
    const template = templateFor(context.clients.ssh.config.disks, "ssh.disks", plan.disk, plan.host);
    if (!template.ok) return template;
    const { path, quarantine } = template.value;
    if (
      plan.root !== path ||
      !/^[0-9a-f]{16}$/.test(plan.held.slice(quarantine.length + 1)) ||
      !plan.held.startsWith(`${quarantine}/`)
    ) {
      return fail(
        "terminal",
        "template_changed",
        `The template '${plan.disk}' no longer names the paths that were planned with.`,
      );
    }
    return await settle(context, plan, "move");
  },

  undo: (context, plan) => settle(context, plan, "back"),
};
