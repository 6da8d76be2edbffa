import { objectTitle, type KubernetesObject, type ObjectRef } from "./objects.ts";

const owners = [
  { name: "Argo CD", marks: ["argocd.argoproj.io/tracking-id", "argocd.argoproj.io/instance"] },
  { name: "Flux", marks: ["kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name"] },
] as const;

/** Says when a GitOps controller owns the object: it will put its own state back, and our repair with it. */
export function ownershipWarnings(ref: ObjectRef, object: KubernetesObject): string[] {
  const marks = { ...object.metadata.labels, ...object.metadata.annotations };
  return owners
    .filter((owner) => owner.marks.some((mark) => Object.hasOwn(marks, mark)))
    .map(
      (owner) =>
        `${owner.name} owns ${objectTitle(ref)} and may put its own state back at its next sync; mend the source too.`,
    );
}
