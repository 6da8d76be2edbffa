import type { OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { EntryAbout } from "@omega/shared/audit/entry.ts";

/** What one incident has come to so far, as far as later steps need it. */
interface Course {
  /** Plans by their hash, and what was said of them. */
  readonly proposed: Set<string>;
  readonly asked: Set<string>;
  readonly granted: Set<string>;
  readonly authorised: Set<string>;
  /** Actions by id, with the plan they were ordered with. */
  readonly ordered: Map<string, string>;
  readonly started: Set<string>;
  readonly undoOrdered: Set<string>;
  readonly toVerify: Set<string>;
  readonly confirmed: Set<string>;
}

/** Whether each step of an incident follows from an earlier one: that no action ran without order, authorisation and, where asked for, approval. */
export class Causality {
  readonly #ids = new Set<string>();
  /** Incidents of which some content is not here. */
  readonly #partial = new Set<string>();
  readonly #courses = new Map<string, Course>();
  /** Presses of the panic button, each an order to take back what its window held. */
  readonly #presses = new Set<string>();

  /** An event whose content is not here may still be the cause of later ones, and of its incident not every step can be judged. */
  noteAbsent({ id, incidentid, type }: EntryAbout): void {
    if (id !== undefined) this.#ids.add(id);
    if (incidentid !== undefined && type !== "postmortem.written") this.#partial.add(incidentid);
    if (incidentid !== undefined && type === "incident.opened") this.#courses.set(incidentid, newCourse());
  }

  /** A sentence on the step that is missing, or nothing. */
  take(event: OmegaEvent): string | undefined {
    // A message that was published twice was handled once.
    if (this.#ids.has(event.id)) return undefined;
    const { incidentid, causationid } = event;
    const missing = incidentid === undefined ? undefined : this.#missing(event, incidentid, causationid);
    this.#ids.add(event.id);
    if (event.type === "control.panic-pressed") this.#presses.add(event.id);
    return missing === undefined ? undefined : `${event.type} ${event.id}: ${missing}`;
  }

  #missing(event: OmegaEvent, incidentId: string, cause: string | undefined): string | undefined {
    if (cause === undefined || !this.#ids.has(cause)) return `its cause ${cause ?? ""} is not in the log before it`;
    if (event.type === "incident.opened") {
      this.#courses.set(incidentId, newCourse());
      return undefined;
    }
    const course = this.#courses.get(incidentId);
    if (course === undefined) return `incident ${incidentId} was not opened before it`;
    const missing = stepInto(course, event, this.#presses);
    return this.#partial.has(incidentId) ? undefined : missing;
  }
}

function stepInto(course: Course, event: OmegaEvent, presses: ReadonlySet<string>): string | undefined {
  switch (event.type) {
    case "remediation.proposed":
      for (const { planHash } of event.data.options) course.proposed.add(planHash);
      return undefined;
    case "approval.requested":
      course.asked.add(event.data.planHash);
      return unless(course.proposed.has(event.data.planHash), "nobody proposed this plan");
    case "approval.granted":
      course.granted.add(event.data.planHash);
      return undefined;
    case "remediation.authorized": {
      const { planHash, by } = event.data;
      course.authorised.add(planHash);
      if (by.kind !== "person") return unless(course.proposed.has(planHash), "nobody proposed this plan");
      const approved = course.asked.has(planHash) && course.granted.has(planHash);
      return unless(approved, "no person was asked and approved this plan");
    }
    case "action.ordered":
      course.ordered.set(event.data.actionId, event.data.planHash);
      return unless(course.authorised.has(event.data.planHash), "the plan was not authorised");
    default:
      return stepOfAction(course, event, presses);
  }
}

function stepOfAction(course: Course, event: OmegaEvent, presses: ReadonlySet<string>): string | undefined {
  switch (event.type) {
    case "action.started": {
      const { actionId, planHash } = event.data;
      course.started.add(actionId);
      return unless(course.ordered.get(actionId) === planHash, "no order has this action and plan");
    }
    case "action.succeeded":
      return unless(course.started.has(event.data.actionId), "the action was not started");
    case "undo.ordered":
      course.undoOrdered.add(event.data.actionId);
      return unless(course.ordered.has(event.data.actionId), "no such action was ordered");
    case "undo.started":
      if (presses.has(event.causationid ?? "")) course.undoOrdered.add(event.data.actionId);
      return unless(course.undoOrdered.has(event.data.actionId), "no undo was ordered, and no panic button pressed");
    case "undo.done":
      return unless(course.undoOrdered.has(event.data.actionId), "no undo was ordered, and no panic button pressed");
    case "verification.requested":
      course.toVerify.add(event.data.actionId);
      return undefined;
    case "recovery.confirmed":
      course.confirmed.add(event.data.actionId);
      return unless(course.toVerify.has(event.data.actionId), "nobody asked for this verification");
    case "incident.resolved": {
      const { outcome, actionId } = event.data;
      if (outcome !== "healed" || actionId === undefined) return undefined;
      return unless(course.confirmed.has(actionId), "nobody confirmed the recovery");
    }
    default:
      return undefined;
  }
}

function unless(holds: boolean, otherwise: string): string | undefined {
  return holds ? undefined : otherwise;
}

function newCourse(): Course {
  return {
    proposed: new Set(),
    asked: new Set(),
    granted: new Set(),
    authorised: new Set(),
    ordered: new Map(),
    started: new Set(),
    undoOrdered: new Set(),
    toVerify: new Set(),
    confirmed: new Set(),
  };
}
