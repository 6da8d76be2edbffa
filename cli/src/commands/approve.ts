import { userInfo } from "node:os";
import type { Command } from "commander";
import type { OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { sealEvent } from "@omega/shared/event-codec.ts";
import { loadSigner } from "@omega/shared/signing.ts";
import type { BusSession } from "../bus-session.ts";
import { CommandFailure, exitCode } from "../exit-code.ts";
import { incidentsIn, pendingApproval } from "@omega/shared/incident-view.ts";
import { printable } from "@omega/shared/terminal.ts";
import { diffOf, targetName } from "@omega/shared/timeline.ts";
import { commandContext, withBus, type BusOptions, type CommandContext } from "./context.ts";
import { findIncident } from "./incidents.ts";

interface DecisionOptions extends BusOptions {
  readonly by?: string;
  readonly comment?: string;
}

/** The Coordinator answers in milliseconds when it is up; a person's command waits no longer than this. */
const answerWithinMs = 2000;

type Decision = "approval.granted" | "approval.denied";

export function addApprovals(program: Command): void {
  for (const [name, type, description] of [
    ["approve", "approval.granted", "let the plan run that an incident waits to have approved: that one and no other"],
    ["deny", "approval.denied", "forbid the plan that an incident waits to have approved"],
  ] as const) {
    program
      .command(`${name} <incident>`)
      .description(description)
      .option("--by <name>", "who decides", userInfo().username)
      .option("--comment <text>", "why")
      .option("--server <url>", "the bus")
      .option("--json", "the decision as JSON")
      .addHelpText(
        "after",
        `\nExamples:\n  omega ${name} last\n  omega ${name} inc-20261124-1a2b3c --comment "checked with ada"`,
      )
      .action((id: string, options: DecisionOptions) => {
        const context = commandContext();
        return withBus(context, options, (session) => decide(context, session, id, type, options));
      });
  }
}

async function decide(
  context: CommandContext,
  session: BusSession,
  id: string,
  type: Decision,
  options: DecisionOptions,
): Promise<void> {
  const incident = findIncident(incidentsIn(await session.events()), id);
  const pending = pendingApproval(incident);
  if (pending === undefined) {
    throw new CommandFailure(exitCode.failed, `${incident.id} waits for no approval; it is ${incident.status}.`);
  }
  const { request, option } = pending;
  const { optionId, planHash, expiresAt } = request.data;
  if (Date.parse(expiresAt) <= context.clock.now()) {
    throw new CommandFailure(
      exitCode.failed,
      `The request of ${incident.id} expired at ${expiresAt}; nothing was said.`,
    );
  }
  const by = options.by ?? userInfo().username;
  const data = { optionId, planHash, by, ...(options.comment === undefined ? {} : { comment: options.comment }) };
  const sealed = sealEvent(
    { type, incidentid: incident.id, data },
    {
      signer: loadSigner(context.home.keys, "operator"),
      source: `/omega/operator/${encodeURIComponent(by).slice(0, 200)}`,
      now: context.clock.now(),
      causeId: request.id,
      traceparent: request.traceparent,
    },
  );
  const published = await session.bus.publish({ id: sealed.id, subject: sealed.subject, body: sealed.body });
  if (!published.ok)
    throw new CommandFailure(
      exitCode.unavailable,
      `The decision may not have been stored: ${published.failure.message}`,
    );
  const answer = await answerTo(context, session, { id: sealed.id, seq: published.value.seq });
  if (options.json === true) {
    const { seq } = published.value;
    const refused = answer?.type === "approval.refused" ? { refused: answer.data.reason, says: answer.data.says } : {};
    context.say(JSON.stringify({ incident: incident.id, decision: type, seq, ...data, ...refused }));
    if (answer?.type === "approval.refused") process.exitCode = exitCode.failed;
    return;
  }
  if (answer?.type === "approval.refused") {
    throw new CommandFailure(
      exitCode.failed,
      `It did not count (${answer.data.reason}): ${printable(answer.data.says)}`,
    );
  }
  const { paint, say } = context;
  const verb = type === "approval.granted" ? paint("good", "Approved") : paint("bad", "Denied");
  const what = option === undefined ? `plan ${planHash}` : `${option.actionType} on ${targetName(option.target)}`;
  say(`${verb} by ${by}: ${what}`);
  if (option !== undefined) for (const { tone, text } of diffOf(option)) say(`  ${paint(tone, text)}`);
  if (answer === undefined) {
    context.note(
      `omega: the Coordinator has not answered within ${answerWithinMs / 1000} s; it weighs this when it does.`,
    );
  }
}

/** What the Coordinator says to the decision that is stored at `seq`; nothing when it is silent for too long. */
async function answerTo(
  { clock, interrupted }: CommandContext,
  session: BusSession,
  decision: { readonly id: string; readonly seq: number },
): Promise<OmegaEvent | undefined> {
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, interrupted]);
  void clock.sleep(answerWithinMs, signal).then(() => over.abort());
  try {
    for await (const { event } of session.follow({ fromSeq: decision.seq + 1, signal })) {
      if (event.causationid === decision.id) return event;
    }
    return undefined;
  } finally {
    over.abort();
  }
}
