import type { BlastRadius } from "@omega/shared/action.ts";
import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";
import type { AnyAction } from "../../../../agents/surgeon/src/actions/registry.ts";
import type { EditPlan } from "../../../../agents/surgeon/src/kubernetes/edit-action.ts";
import { applyFieldEdit } from "../../../../agents/surgeon/src/kubernetes/field-edit.ts";
import type { KubernetesApi } from "../../../../agents/surgeon/src/ports.ts";
import {
  blind,
  byAnotherPlan,
  earnest,
  forAnyUid,
  refreshed,
  replacing,
  saying,
  through,
  type Context,
  type Mutant,
} from "./planting.ts";

/** A lost answer is taken for what somebody would like it to be. */
function takingDoubtFor(api: KubernetesApi, verdict: "success" | "failure"): KubernetesApi {
  return replacing(api, {
    async patch(ref, operations, options) {
      const written = await api.patch(ref, operations, options);
      if (written.ok || written.failure.kind !== "unknown") return written;
      return verdict === "success" ? await api.get(ref) : fail("terminal", "refused", written.failure.message);
    },
  });
}

const inPlanning: readonly Mutant[] = [
  { name: "the plan writes", type: "k8s.scale", plant: (action) => through(action, ["plan"], earnest) },
  { name: "the dry-run writes", type: "k8s.set-image", plant: (action) => through(action, ["dryRun"], earnest) },
  { name: "the dry-run evicts", type: "k8s.evict-pod", plant: (action) => through(action, ["dryRun"], earnest) },
  {
    name: "the dry-run shows nothing",
    type: "k8s.cordon",
    plant: (action) => ({ ...action, dryRun: () => Promise.resolve(ok([])) }),
  },
  {
    name: "the dry-run shows another value than the one that is set",
    type: "k8s.scale",
    plant: (action) => ({
      ...action,
      async dryRun(context, plan) {
        const shown = await action.dryRun(context, plan);
        return shown.ok ? ok(shown.value.map((change) => ({ ...change, after: 1 }))) : shown;
      },
    }),
  },
  {
    name: "it disturbs instances and does not say of how many",
    type: "k8s.evict-pod",
    plant: (action) => ({
      ...action,
      traits: { ...action.traits, blastRadius: (plan) => ofUnknownMany(action, plan) },
    }),
  },
  {
    name: "the plan holds what JSON cannot carry",
    type: "k8s.patch-configmap",
    plant: (action) => ({
      ...action,
      async plan(context, params) {
        const planned = await action.plan(context, params);
        return planned.ok ? ok({ ...(planned.value as EditPlan), instances: Number.NaN }) : planned;
      },
    }),
  },
];

const inWriting: readonly Mutant[] = [
  { name: "execute writes blindly", type: "k8s.set-image", plant: (action) => through(action, ["execute"], blind) },
  { name: "undo writes blindly", type: "k8s.set-env", plant: (action) => through(action, ["undo"], blind) },
  {
    name: "execute goes by the name and not the uid",
    type: "k8s.patch-configmap",
    plant: (action) => byAnotherPlan(action, "execute", forAnyUid),
  },
  {
    name: "execute evicts whichever pod has the name",
    type: "k8s.evict-pod",
    plant: (action) => ({
      ...action,
      async execute(context, plan) {
        const { pod } = plan as { pod: EditPlan["edit"]["object"] };
        const found = await context.clients.kubernetes.get(pod);
        const uid = found.ok ? found.value.metadata.uid : "gone";
        return await action.execute(context, { ...(plan as object), uid });
      },
    }),
  },
  {
    name: "execute takes whatever it finds for the state before",
    type: "k8s.scale",
    plant: (action) => byAnotherPlan(action, "execute", (plan, context) => refreshed(plan, context, "before")),
  },
  {
    name: "undo takes whatever it finds for its own work",
    type: "k8s.hpa-bounds",
    plant: (action) => byAnotherPlan(action, "undo", (plan, context) => refreshed(plan, context, "after")),
  },
  {
    name: "execute changes more than was shown",
    type: "k8s.scale",
    plant: (action) =>
      byAnotherPlan(action, "execute", (plan) => {
        const more = { path: "/spec/revisionHistoryLimit", before: 10, after: 3 };
        return { ...plan, edit: { ...plan.edit, fields: [...plan.edit.fields, more] } };
      }),
  },
  { name: "execute writes one field after the other", type: "k8s.hpa-bounds", plant: fieldByField },
  { name: "execute writes another value each time", type: "k8s.rollout-restart", plant: restlessly },
];

const inUndoing: readonly Mutant[] = [
  {
    name: "undo puts a wrong value back",
    type: "k8s.scale",
    plant: (action) => byAnotherPlan(action, "undo", (plan) => withFields(plan, (field) => ({ ...field, before: 3 }))),
  },
  {
    name: "undo leaves out a field",
    type: "k8s.hpa-bounds",
    plant: (action) =>
      byAnotherPlan(action, "undo", (plan) => ({
        ...plan,
        edit: { ...plan.edit, fields: plan.edit.fields.slice(0, 1) },
      })),
  },
  { name: "undo goes back and forth", type: "k8s.cordon", plant: toggling },
  { name: "undo restores what execute remembered in its process", type: "k8s.set-resources", plant: remembering },
  {
    name: "undo does nothing",
    type: "k8s.rollout-undo",
    plant: (action) => ({ ...action, undo: () => Promise.resolve(ok()) }),
  },
];

const inSaying: readonly Mutant[] = [
  {
    name: "execute swallows failures",
    type: "k8s.set-image",
    plant: (action) => saying(action, "execute", () => ok()),
  },
  { name: "undo swallows failures", type: "k8s.set-image", plant: (action) => saying(action, "undo", () => ok()) },
  {
    name: "a doubt is called a success",
    type: "k8s.patch-configmap",
    plant: (action) => through(action, ["execute"], (api) => takingDoubtFor(api, "success")),
  },
  {
    name: "a doubt is called a failure",
    type: "k8s.patch-configmap",
    plant: (action) => through(action, ["execute"], (api) => takingDoubtFor(api, "failure")),
  },
  {
    name: "a conflict is to be tried again",
    type: "k8s.set-resources",
    plant: (action) => saying(action, "execute", retryingConflicts),
  },
  { name: "done is said before the pods are there", type: "k8s.scale", plant: hasty },
];

/** Bugs that people write into actions, one at a time. */
export const mutants: readonly Mutant[] = [...inPlanning, ...inWriting, ...inUndoing, ...inSaying];

function ofUnknownMany(action: AnyAction, plan: unknown): BlastRadius {
  const { objects, instances, says } = action.traits.blastRadius(plan);
  return { objects, instances, says };
}

type Field = EditPlan["edit"]["fields"][number];

function withFields(plan: EditPlan, change: (field: Field) => Field): EditPlan {
  return { ...plan, edit: { ...plan.edit, fields: plan.edit.fields.map(change) } };
}

function fieldByField(action: AnyAction): AnyAction {
  return {
    ...action,
    async execute(context, plan) {
      const { edit } = plan as EditPlan;
      // A correct look at the whole, and then more than one write.
      const looked = await action.execute({ ...context, signal: AbortSignal.abort() }, plan);
      if (looked.ok || looked.failure.code !== "stopped") return looked;
      for (const field of edit.fields) {
        const written = await applyFieldEdit(context, { ...edit, fields: [field] }, "forward");
        if (!written.ok) return written;
      }
      return ok();
    },
  };
}

function restlessly(action: AnyAction): AnyAction {
  let run = 0;
  return byAnotherPlan(action, "execute", async (plan, context) => {
    run += 1;
    const now = await refreshed(plan, context, "before");
    return withFields(now, (field) => ({ ...field, after: { "kubectl.kubernetes.io/restartedAt": `run ${run}` } }));
  });
}

function toggling(action: AnyAction): AnyAction {
  return {
    ...action,
    async undo(context, plan) {
      const done = await action.execute({ ...context, signal: AbortSignal.abort() }, plan);
      return done.ok ? await action.undo(context, plan) : await action.execute(context, plan);
    },
  };
}

function remembering(action: AnyAction): AnyAction {
  const memory = new Map<string, EditPlan>();
  const keyOf = (plan: EditPlan): string => plan.edit.uid;
  const execute = async (context: Context, plan: unknown): Promise<Outcome<void>> => {
    const edit = plan as EditPlan;
    memory.set(keyOf(edit), await refreshed(edit, context, "before"));
    return await action.execute(context, plan);
  };
  const undo = (context: Context, plan: unknown): Promise<Outcome<void>> => {
    const remembered = memory.get(keyOf(plan as EditPlan));
    return remembered === undefined ? Promise.resolve(ok()) : action.undo(context, remembered);
  };
  return { ...action, execute, undo };
}

function retryingConflicts(outcome: Outcome<void>): Outcome<void> {
  if (outcome.ok || outcome.failure.kind !== "conflict") return outcome;
  return fail("retryable", outcome.failure.code, outcome.failure.message);
}

function hasty(action: AnyAction): AnyAction {
  return { ...action, execute: (context, plan) => applyFieldEdit(context, (plan as EditPlan).edit, "forward") };
}
