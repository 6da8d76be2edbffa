import { readFileSync } from "node:fs";
import type { Clock } from "@omega/shared/clock.ts";
import type { Log as Logger } from "@omega/shared/log.ts";
import { fail, ok, reasonOf, type Outcome } from "@omega/shared/outcome.ts";
import type { Log } from "@omega/tlog/log.ts";
import { parsePolicy, type Policy } from "@omega/tlog/policy.ts";
import { WitnessClient } from "@omega/tlog/witness-client.ts";
import type { AuditConfig } from "./config.ts";

/** What the witnesses made of the newest checkpoint. */
export interface Witnessed {
  /** Whether the policy's quorum cosigned it; true where no policy asks for one. */
  readonly quorum: boolean;
  readonly cosignedBy: readonly string[];
  /** What a witness says that has seen another history. */
  readonly contradiction?: string;
}

/** The witnesses of a policy file, asked again later when they fail, so that one that is away doesn't hold up the log. */
export class Witnesses {
  readonly #policy: Policy | undefined;
  readonly #client: WitnessClient;
  readonly #retryMs: number;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #askedAt = Number.NEGATIVE_INFINITY;
  #failed = false;
  #last: Witnessed & { readonly size: number } = { size: -1, quorum: false, cosignedBy: [] };

  private constructor(policy: Policy | undefined, config: AuditConfig, clock: Clock, logger: Logger) {
    this.#policy = policy;
    this.#client = new WitnessClient({ timeoutMs: config.witnessTimeoutMs });
    this.#retryMs = config.witnessRetryMs;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Failure `terminal/bad_witness_policy` names file and line. */
  static fromPolicyFile(config: AuditConfig, clock: Clock, logger: Logger): Outcome<Witnesses> {
    const path = config.witnessPolicy;
    if (path === "") return ok(new Witnesses(undefined, config, clock, logger));
    try {
      const policy = parsePolicy(readFileSync(path));
      if (!policy.ok) return fail("terminal", "bad_witness_policy", `${path}: ${policy.reason}`);
      return ok(new Witnesses(policy.value, config, clock, logger));
    } catch (error) {
      return fail("terminal", "bad_witness_policy", reasonOf(error));
    }
  }

  /** Has the published checkpoint cosigned and attaches what comes back, unless that is done or was tried too recently. */
  async cosign(log: Log): Promise<Witnessed> {
    if (this.#policy === undefined) return { quorum: true, cosignedBy: [] };
    if (log.size === 0 || (this.#last.size === log.size && this.#last.quorum)) return this.#last;
    const now = this.#clock.now();
    if (this.#failed && now - this.#askedAt < this.#retryMs) return { quorum: false, cosignedBy: [] };
    this.#askedAt = now;
    const { quorum, lines, replies } = await this.#client.cosign(this.#policy, log.tree(), log.checkpoint);
    const cosignedBy: string[] = [];
    let contradiction: string | undefined;
    for (const [name, reply] of replies) {
      if (reply.kind === "cosigned") cosignedBy.push(name);
      else this.#logger.warn({ witness: name, kind: reply.kind, reason: reply.reason }, "a witness did not cosign");
      if (reply.kind === "contradicted") contradiction = reply.reason;
    }
    this.#failed = cosignedBy.length < replies.size;
    if (lines !== "") {
      const attached = await log.attach(
        lines,
        this.#policy.witnesses.map(({ verifier }) => verifier),
      );
      if (!attached.ok) {
        this.#logger.warn({ failure: attached.failure }, "the cosignatures could not be kept");
        return { quorum: false, cosignedBy: [] };
      }
    }
    this.#last = {
      size: log.size,
      quorum,
      cosignedBy,
      ...(contradiction === undefined ? {} : { contradiction }),
    };
    return this.#last;
  }
}
