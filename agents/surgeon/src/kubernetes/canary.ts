import type { ActionContext, CanaryVerdict } from "@omega/shared/action.ts";
import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";
import { z } from "zod";
import type { Clients } from "../ports.ts";
import { applyFieldEdit, planFieldEdit, standingOf, type FieldEdit, type WantedFields } from "./field-edit.ts";
import { findFirstPod, type FirstPodSeen } from "./first-pod.ts";
import { objectTitle, type KubernetesObject, type ObjectRef } from "./objects.ts";
import { awaitRollout } from "./rollout.ts";

type Context = ActionContext<Clients>;

/** How long the first new pod must have been ready before it is judged. */
export const soakSeconds = 2;
/** For so long the controller counts the first new pod as not available yet, and brings no other: `minReadySeconds`. */
const holdSecondsMax = 60;
/** A first pod that is not ready by then is taken back. */
const readyMsMax = 30_000;
const pollMs = 100;
/** How often a pod that was judged good is looked at again, when looks fail. */
const looksMax = 10;

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
 * wanted, and pods counted as available only after the hold, which ends when the first one was judged. None for a single pod, for what
 * replaces no pod, or where the deployment's own progress deadline leaves no time. A Surgeon that dies in the middle leaves a rollout that
 * goes on one pod at a time. What judging needs to read is read here too, so that a missing right is found before anything changes.
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
  const readable = await findFirstPod(context, ref, object);
  if (!readable.ok) return readable;
  const { replicas, minReadySeconds, progressDeadlineSeconds, strategy } = read.data.spec;
  const holdSeconds = Math.max(minReadySeconds, Math.min(holdSecondsMax, progressDeadlineSeconds - 1));
  if (replicas < 2 || strategy.type !== "RollingUpdate" || holdSeconds <= soakSeconds) return ok(undefined);
  const fields = [
    ...wanted.fields,
    { path: "/spec/strategy/rollingUpdate", after: { maxSurge: 1, maxUnavailable: 0 } },
    { path: "/spec/minReadySeconds", after: holdSeconds },
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
    const judged = await judgedFirstPod(context, canary);
    if (!judged.ok) return judged;
    if (judged.value.verdict !== "success") return await takenBack(context, canary, judged.value);
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

/**
 * Waits until the first new pod has been ready for the soak, and has it judged by its own telemetry where somebody can. `unknown`
 * `canary_unjudged` when it was stopped before there was a verdict.
 */
async function judgedFirstPod(context: Context, canary: FieldEdit): Promise<Outcome<CanaryVerdict>> {
  const { clock, signal } = context;
  const title = objectTitle(canary.object);
  const giveUpAt = clock.now() + readyMsMax;
  let readySince: number | undefined;
  let says = "no new pod was seen";
  while (!signal.aborted) {
    const seen = await lookedAt(context, canary);
    if (seen.ok) {
      const { pod, failed } = seen.value;
      if (failed !== undefined) return ok({ verdict: "failed", says: failed });
      readySince = pod?.ready === true ? (readySince ?? clock.now()) : undefined;
      if (pod !== undefined) says = `pod ${pod.name} is ${pod.ready ? "ready only since a moment ago" : "not ready"}`;
      if (pod !== undefined && readySince !== undefined && clock.now() - readySince >= soakSeconds * 1000) {
        const asked = await (context.judgeCanary?.({
          pod: { name: pod.name, uid: pod.uid },
          workload: title,
          of: seen.value.replicas,
          holdMs: seen.value.holdMs,
        }) ?? Promise.resolve({ verdict: "success" as const, says: `pod ${pod.name} is ready` }));
        return signal.aborted ? unjudged(title) : ok(await stillReady(context, canary, pod.uid, asked));
      }
    } else says = seen.failure.message;
    if (clock.now() > giveUpAt) {
      return ok({ verdict: "inconclusive", says: `after ${readyMsMax / 1000} s ${says}` });
    }
    await clock.sleep(pollMs, signal);
  }
  return unjudged(title);
}

async function lookedAt(context: Context, { object }: FieldEdit): Promise<Outcome<FirstPodSeen>> {
  const found = await context.clients.kubernetes.get(object);
  return found.ok ? await findFirstPod(context, object, found.value) : found;
}

/** While it was judged it may have stopped to be ready: good requests before that are no success. */
async function stillReady(
  context: Context,
  canary: FieldEdit,
  uid: string,
  asked: CanaryVerdict,
): Promise<CanaryVerdict> {
  if (asked.verdict !== "success") return asked;
  let seen = await lookedAt(context, canary);
  // A look that fails says nothing of the pod: it is asked again before a good change is taken back for it.
  for (let looks = 1; !seen.ok && looks < looksMax && !context.signal.aborted; looks += 1) {
    await context.clock.sleep(pollMs, context.signal);
    seen = await lookedAt(context, canary);
  }
  if (!seen.ok) return { verdict: "inconclusive", says: `it could not be looked at again: ${seen.failure.message}` };
  const { pod, failed } = seen.value;
  if (failed !== undefined) return { verdict: "failed", says: failed };
  if (pod?.ready === true && pod.uid === uid) return asked;
  return { verdict: "inconclusive", says: "it did not stay ready while it was judged" };
}

function unjudged(title: string): Outcome<never> {
  return fail("unknown", "canary_unjudged", `${title}: it was stopped while the first new pod was being judged.`);
}

async function takenBack(
  context: Context,
  canary: FieldEdit,
  { verdict, says }: CanaryVerdict,
): Promise<Outcome<void>> {
  const title = objectTitle(canary.object);
  const back = await applyFieldEdit(context, canary, "back");
  if (!back.ok) {
    const message = `${title}: the first new pod: ${verdict} (${says}), and taking it back: ${back.failure.message}`;
    return fail("unknown", "canary_left", message);
  }
  return fail(
    "terminal",
    `canary_${verdict}`,
    `${title}: the first new pod: ${verdict} (${says}); it was taken back before any other pod was replaced.`,
  );
}
