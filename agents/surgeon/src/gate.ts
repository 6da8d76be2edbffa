import type { Deeds } from "@omega/shared/panic/deeds.ts";
import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";
import type { Clients } from "./ports.ts";
import type { RemoteCommand } from "./ssh/remote-shell.ts";

/** Whose call it is. */
export interface Caller {
  readonly actionId: string;
  readonly step: "execute" | "undo";
  readonly signal: AbortSignal;
}

/**
 * Every call that changes the world goes through here, and is let through only while the stream, as it is at that moment, still wants it.
 * A process that slept through a panic, or through somebody else's undo, therefore sends nothing when it wakes up. What was read of the
 * target before is older than the answer of the stream, and the write says which version it read: so whoever takes an unfinished action
 * back bumps that version, and there is no moment at which a late write could slip in between.
 */
export class Gate {
  readonly #newest: (until: AbortSignal) => Promise<Outcome<Deeds>>;
  readonly #inFlight = new Map<symbol, string>();

  constructor(newest: (until: AbortSignal) => Promise<Outcome<Deeds>>) {
    this.#newest = newest;
  }

  /** Failures, beside the call's own: `unknown/stopped_by_panic`, `unknown/taken_back`, `terminal/not_wanted`, and those of the stream. */
  async pass<T>(caller: Caller, call: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
    const deeds = await this.#newest(caller.signal);
    if (!deeds.ok) return deeds;
    const wanted = isWanted(deeds.value, caller);
    if (!wanted.ok) return wanted;
    const key = Symbol(caller.actionId);
    if (caller.step === "execute") this.#inFlight.set(key, caller.actionId);
    try {
      return await call();
    } finally {
      this.#inFlight.delete(key);
    }
  }

  /** Actions of which a call was sent and not answered yet. */
  inFlight(): string[] {
    return [...new Set(this.#inFlight.values())].toSorted();
  }
}

function isWanted(deeds: Deeds, { actionId, step }: Caller): Outcome<void> {
  const deed = deeds.byId.get(actionId);
  if (step === "undo") {
    if (deed?.undo.state === "undoing") return ok();
    return fail("terminal", "not_wanted", `Nobody wants ${actionId} taken back any more.`);
  }
  if (deeds.frozenBy !== undefined)
    return fail("unknown", "stopped_by_panic", "The panic button was pressed; no further step of it is taken.");
  if (deed === undefined || deed.ended !== undefined)
    return fail("terminal", "not_wanted", `The stream knows of no start of ${actionId} that has not ended.`);
  if (deed.undo.state !== "none")
    return fail("unknown", "taken_back", "It is being taken back, or was, before its execution was known to end.");
  return ok();
}

/** A host refuses what comes of an execution after its action was taken back. */
function owned(command: RemoteCommand, { actionId, step }: Caller): RemoteCommand {
  return step === "execute" ? { ...command, owner: actionId } : command;
}

/** The clients as one action may use them: it looks freely, and changes the world through the gate. */
export function gated({ kubernetes, ssh, webhooks }: Clients, gate: Gate, caller: Caller): Clients {
  return {
    kubernetes: {
      get: (ref) => kubernetes.get(ref),
      list: (scope) => kubernetes.list(scope),
      patch: (ref, operations, options) =>
        options.dryRun
          ? kubernetes.patch(ref, operations, options)
          : gate.pass(caller, () => kubernetes.patch(ref, operations, options)),
      evict: (pod, uid, options) =>
        options.dryRun
          ? kubernetes.evict(pod, uid, options)
          : gate.pass(caller, () => kubernetes.evict(pod, uid, options)),
    },
    ssh: {
      config: ssh.config,
      shell: {
        run: (command, signal) =>
          command.effect === "look"
            ? ssh.shell.run(command, signal)
            : gate.pass(caller, () => ssh.shell.run(owned(command, caller), signal)),
        fence: (host, owner, signal) => ssh.shell.fence(host, owner, signal),
      },
    },
    webhooks: {
      config: webhooks.config,
      http: {
        send: (call, signal) =>
          call.effect === "look"
            ? webhooks.http.send(call, signal)
            : gate.pass(caller, () => webhooks.http.send(call, signal)),
      },
    },
  };
}
