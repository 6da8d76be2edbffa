import type { ActionContext } from "@omega/shared/action.ts";
import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";
import { z } from "zod";
import type { Clients } from "../ports.ts";
import { applyFieldEdit, planFieldEdit, standingOf, type FieldEdit, type WantedFields } from "./field-edit.ts";
import { objectTitle, type KubernetesObject, type ObjectRef } from "./objects.ts";
import { awaitRollout, canaryVerdict } from "./rollout.ts";

type Context = ActionContext<Clients>;

/** How long the first new pod must have been ready before any other follows. */
export const soakSeconds = 2;
/** A first pod about which nothing can be said by then is taken back. */
const judgeMsMax = 30_000;
const pollMs = 100;

const deploymentSchema = z.object({
  spec: z.object({
    replicas: z.number().default(1),
    minReadySeconds: z.number().default(0),
    progressDeadlineSeconds: z.number().default(600),
    strategy: z.object({ type: z.string().default("RollingUpdate") }).prefault({}),
  }),
});

/**
 * The same edit made in a way in which the deployment's own controller lets one new pod go first: with one pod more and none fewer than
 * wanted, and pods counted as available only after the soak. None for a single pod, for what replaces no pod, or where the deployment
 * already goes as carefully. A Surgeon that dies in the middle leaves a rollout that goes on one pod at a time.
 */
export async function planCanary(
  context: Context,
  ref: ObjectRef,
  object: KubernetesObject,
  wanted: WantedFields,
): Promise<Outcome<FieldEdit | undefined>> {
  const read = deploymentSchema.safeParse(object);
  const replacesPods = wanted.fields.some(({ path }) => path.startsWith("/spec/template"));
  if (!read.success || !replacesPods) return ok(undefined);
  const { replicas, minReadySeconds, progressDeadlineSeconds, strategy } = read.data.spec;
  const careful = minReadySeconds >= soakSeconds;
  if (replicas < 2 || strategy.type !== "RollingUpdate" || careful || progressDeadlineSeconds <= soakSeconds) {
    return ok(undefined);
  }
  const fields = [
    ...wanted.fields,
    { path: "/spec/strategy/rollingUpdate", after: { maxSurge: 1, maxUnavailable: 0 } },
    { path: "/spec/minReadySeconds", after: soakSeconds },
  ];
  return await planFieldEdit(context, ref, object, { ...wanted, fields });
}

/** One first, then the rest. What is not known to be good in time is taken back here: `terminal` `canary_failed`, `canary_inconclusive`. */
export async function executeWithCanary(context: Context, edit: FieldEdit, canary: FieldEdit): Promise<Outcome<void>> {
  const promotion = promotionOf(edit, canary);
  const seen = await standingOf(context, promotion);
  if (!seen.ok) return seen;
  if (seen.value.standing !== "after") {
    // From where the plan found it to one pod first; nothing to do when an earlier run came this far.
    const begun = await applyFieldEdit(context, canary, "forward");
    if (!begun.ok) return begun;
    const verdict = await judged(context, canary);
    if (verdict !== "success") return await takenBack(context, canary, verdict);
    const promoted = await applyFieldEdit(context, promotion, "forward");
    if (!promoted.ok) return promoted;
  }
  return await awaitRollout(context, edit.object, edit.uid);
}

/** From the first pod, or from all of them, to how the plan found it. */
export async function undoWithCanary(context: Context, edit: FieldEdit, canary: FieldEdit): Promise<Outcome<void>> {
  const early = await applyFieldEdit(context, canary, "back");
  const late =
    early.ok || early.failure.code !== "field_changed"
      ? early
      : await applyFieldEdit(context, whole(edit, canary), "back");
  return late.ok ? await awaitRollout(context, edit.object, edit.uid) : late;
}

/** What the canary changes besides the edit itself. */
function caution(edit: FieldEdit, canary: FieldEdit): FieldEdit["fields"] {
  const own = new Set(edit.fields.map(({ path }) => path));
  return canary.fields.filter(({ path }) => !own.has(path));
}

type Field = FieldEdit["fields"][number];

function fieldOf(path: string, before: Field["before"], after: Field["after"]): Field {
  return { path, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) };
}

/** From one pod first to all of them: the edit stays, the caution ends. */
function promotionOf(edit: FieldEdit, canary: FieldEdit): FieldEdit {
  const stays = edit.fields.map(({ path, after }) => fieldOf(path, after, after));
  const ends = caution(edit, canary).map(({ path, before, after }) => fieldOf(path, after, before));
  return { ...edit, fields: [...stays, ...ends] };
}

/** The edit, with the caution where the plan found it before and after. */
function whole(edit: FieldEdit, canary: FieldEdit): FieldEdit {
  const ended = caution(edit, canary).map(({ path, before }) => fieldOf(path, before, before));
  return { ...edit, fields: [...edit.fields, ...ended] };
}

type Verdict = "success" | "failed" | "inconclusive" | "stopped";

/** The controller brings the second pod only when the first has been ready for the soak; that is what is waited for. */
async function judged({ clients, clock, signal }: Context, canary: FieldEdit): Promise<Verdict> {
  const giveUpAt = clock.now() + judgeMsMax;
  while (!signal.aborted) {
    const found = await clients.kubernetes.get(canary.object);
    const verdict = found.ok ? canaryVerdict(found.value) : "waiting";
    if (verdict !== "waiting") return verdict;
    if (clock.now() > giveUpAt) return "inconclusive";
    await clock.sleep(pollMs, signal);
  }
  return "stopped";
}

async function takenBack(
  context: Context,
  canary: FieldEdit,
  verdict: Exclude<Verdict, "success">,
): Promise<Outcome<void>> {
  const title = objectTitle(canary.object);
  if (verdict === "stopped") {
    return fail("unknown", "canary_unjudged", `${title}: it was stopped while the first new pod was being judged.`);
  }
  const back = await applyFieldEdit(context, canary, "back");
  if (!back.ok) {
    return fail(
      "unknown",
      "canary_left",
      `${title}: the first new pod was ${verdict}, and taking it back: ${back.failure.message}`,
    );
  }
  const says =
    verdict === "failed"
      ? "the rollout stopped at the first new pod"
      : `the first new pod was not ready for ${soakSeconds} s within ${judgeMsMax / 1000} s`;
  return fail(
    "terminal",
    `canary_${verdict}`,
    `${title}: ${says}; it was taken back before any other pod was replaced.`,
  );
}
