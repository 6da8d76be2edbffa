import { join } from "node:path";
import { InvalidArgumentError, type Command } from "commander";
import { z } from "zod";
import { prohibitions } from "@omega/shared/policy/invariants.ts";
import { judge, mayApprove, type PolicyVerdict } from "@omega/shared/policy/judge.ts";
import { readPolicyFolder, type PolicySet } from "@omega/shared/policy/policy-set.ts";
import { questionSchema, timeOfDay, type Question } from "@omega/shared/policy/question.ts";
import { coordinatorPart, standardConfig, standardPolicies, type CoordinatorPart } from "../coordinator-rules.ts";
import { counted } from "@omega/shared/durations.ts";
import { CommandFailure, exitCode } from "../exit-code.ts";
import { commandContext, type CommandContext } from "./context.ts";

interface ExplainOptions {
  readonly dir?: string;
  readonly config: string;
  readonly action: string;
  readonly system?: string;
  readonly namespace?: string;
  readonly kind?: string;
  readonly name: string;
  readonly service?: string;
  readonly risk: string;
  readonly reversible: string;
  readonly dryRun: string;
  readonly confidence: number;
  readonly autonomy: string;
  readonly instances: number;
  readonly objects: number;
  readonly tried: number;
  readonly actionsLeft: number;
  readonly exhausted: string[];
  readonly frozen?: boolean;
  readonly environment?: string;
  readonly at?: string;
  readonly person?: string;
  readonly json?: boolean;
}

export function addPolicy(program: Command): void {
  const policy = program.command("policy").description("the Cedar policies that say what may run alone");
  policy
    .command("check [folder]")
    .description("parse and validate every policy; names file, line and column of each mistake")
    .option("--json", "one JSON object: {ok, hash, policies} or {ok, mistakes}")
    .addHelpText(
      "after",
      "\nExit code 1: there is a mistake.\n\nExamples:\n  omega policy check\n  omega policy check /etc/omega/policies --json",
    )
    .action((folder: string | undefined, options: { json?: boolean }) => {
      process.exitCode = check(commandContext(), folder ?? standardPolicies, options.json === true);
    });
  withSituation(policy.command("explain"))
    .description(
      "what the policies say to an action: run alone, ask a person, or refuse; which of them decided and why",
    )
    .requiredOption("--action <type>", "the action's type, such as k8s.scale")
    .option("--person <name>", "ask whether this person may approve it, not whether Omega may run it alone")
    .option("--dir <folder>", "the policies; default the folder that the Coordinator's config names")
    .option("--config <file>", "the Coordinator's config", standardConfig)
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      "\nExit code 0: a decision was made, whatever it is.\n\nExamples:\n  omega policy explain --action k8s.scale --namespace shop --kind Deployment --name payments\n  omega policy explain --action k8s.evict-pod --namespace shop --reversible none --json",
    )
    .action((options: ExplainOptions) => explain(commandContext(), options));
}

function withSituation(command: Command): Command {
  return command
    .option("--system <system>", "kubernetes, ssh or webhook; default by the action's family")
    .option("--namespace <name>", "the target's namespace")
    .option("--kind <kind>", "the target's kind")
    .option("--name <name>", "the target's name", "example")
    .option("--service <name>", "the service that it is for; default the target's name")
    .option("--risk <risk>", "low, medium or high", "low")
    .option("--reversible <how>", "exact, compensating or none", "exact")
    .option("--dry-run <how>", "proven, simulated or impossible", "proven")
    .option("--confidence <share>", "confidence in the cause, 0 to 1", numberOf, 0.95)
    .option("--autonomy <level>", "observe, suggest, approve or auto", "auto")
    .option("--instances <count>", "pods or hosts that would feel it", numberOf, 1)
    .option("--objects <count>", "objects that it touches", numberOf, 1)
    .option("--tried <count>", "repairs tried on the incident already", numberOf, 0)
    .option("--actions-left <count>", "what the budget of the minute still holds", numberOf, 6)
    .option("--exhausted <budgets...>", "names of exhausted budgets", [])
    .option("--frozen", "as if the panic button had been pressed")
    .option("--environment <name>", "default rules.environment of the config")
    .option("--at <time>", "the moment, RFC 3339; default now");
}

function numberOf(text: string): number {
  const number = Number(text);
  if (text.trim() === "" || !Number.isFinite(number)) throw new InvalidArgumentError("not a number");
  return number;
}

function check(context: CommandContext, folder: string, asJson: boolean): number {
  const { paint, say } = context;
  const reading = readPolicyFolder(folder);
  if (asJson) {
    const { ok } = reading;
    say(JSON.stringify(reading.ok ? { ok, ...reading.set } : { ok, mistakes: reading.mistakes }));
  } else if (reading.ok) {
    const files = new Set(reading.set.policies.map(({ file }) => file));
    say(
      paint(
        "good",
        `${counted(reading.set.policies.length, "policy", "policies")} in ${counted(files.size, "file")}, no mistake`,
      ),
    );
    say(paint("dim", `set ${reading.set.hash}`));
  } else {
    for (const { file, line, column, message } of reading.mistakes) {
      say(`${paint("strong", `${file === folder ? file : join(folder, file)}:${line}:${column}`)}: ${message}`);
    }
    say(paint("bad", counted(reading.mistakes.length, "mistake")));
  }
  return reading.ok ? exitCode.ok : exitCode.failed;
}

function explain(context: CommandContext, options: ExplainOptions): void {
  const part = coordinatorPart(options.config);
  const folder = options.dir ?? part.policies ?? standardPolicies;
  const reading = readPolicyFolder(folder);
  if (!reading.ok) {
    const [first] = reading.mistakes;
    const place = first === undefined ? folder : `${first.file}:${first.line}:${first.column}: ${first.message}`;
    throw new CommandFailure(exitCode.config, `${folder} has a mistake, see: omega policy check ${folder}\n${place}`);
  }
  const question = questionOf(context, options, part);
  const answer = answerOf(reading.set, question, part, options.person);
  if (options.json === true) {
    context.say(JSON.stringify({ ...answer, set: reading.set.hash, question }));
    return;
  }
  tell(context, answer, question, reading.set, options.person);
}

interface Explanation extends PolicyVerdict {
  /** What decided: the policies, or something in code that they can't lift. */
  readonly by: "policies" | "invariants";
}

/** As the Coordinator decides it: first what no policy can lift, then the policies, then the budgets. */
function answerOf(set: PolicySet, question: Question, part: CoordinatorPart, person: string | undefined): Explanation {
  const invariant = (decision: "ask" | "forbid", reasons: readonly string[]): Explanation => ({
    decision,
    reasons,
    policies: [],
    by: "invariants",
  });
  const forbidden = prohibitions(question.resource, part.rules.namespaces);
  if (forbidden.length > 0) return invariant("forbid", forbidden);
  if (question.context.frozen) return invariant("forbid", ["Omega is frozen by the panic button"]);
  const verdict = person === undefined ? judge(set, question) : mayApprove(set, question, person);
  const { exhausted } = question.context;
  if (person === undefined && verdict.decision === "allow" && exhausted.length > 0) {
    return invariant(
      "ask",
      exhausted.map((name) => `budget ${name} is exhausted`),
    );
  }
  return { ...verdict, by: "policies" };
}

const systems: Readonly<Record<string, string>> = { k8s: "kubernetes", ssh: "ssh", webhook: "webhook" };

function questionOf(context: CommandContext, options: ExplainOptions, { rules }: CoordinatorPart): Question {
  const now = options.at === undefined ? context.clock.now() : Date.parse(options.at);
  if (Number.isNaN(now)) throw new CommandFailure(exitCode.usage, `--at: '${options.at}' is no RFC 3339 time`);
  const system = options.system ?? systems[options.action.split(".")[0] ?? ""];
  const { namespace, kind, name } = options;
  const question = questionSchema.safeParse({
    actionType: options.action,
    resource: {
      system,
      ...(namespace === undefined ? {} : { namespace }),
      ...(kind === undefined ? {} : { kind }),
      name,
      service: options.service ?? name,
      allowListed: system !== "kubernetes" || (namespace !== undefined && rules.namespaces.allow.includes(namespace)),
    },
    context: {
      environment: options.environment ?? rules.environment,
      risk: options.risk,
      reversible: options.reversible,
      dryRun: options.dryRun,
      confidence: options.confidence,
      confidenceMin: rules.confidenceMin,
      autonomy: options.autonomy,
      instances: options.instances,
      objects: options.objects,
      tried: options.tried,
      actionsLeft: options.actionsLeft,
      exhausted: options.exhausted,
      frozen: options.frozen === true,
      ...timeOfDay(now),
    },
  });
  if (question.success) return question.data;
  throw new CommandFailure(exitCode.usage, z.prettifyError(question.error));
}

function tell(
  { paint, say }: CommandContext,
  { decision, policies, reasons, by }: Explanation,
  { actionType, resource, context }: Question,
  set: PolicySet,
  person: string | undefined,
): void {
  const words = {
    allow: paint("good", person === undefined ? "runs alone" : `${person} may approve it`),
    ask: paint("warn", "asks a person"),
    forbid: paint("bad", person === undefined ? "refused" : `${person} may not approve it`),
  };
  say(
    `${actionType} on ${[resource.namespace, resource.kind, resource.name].filter(Boolean).join("/")}: ${words[decision]}`,
  );
  if (by === "invariants") {
    for (const reason of reasons) say(`  ${reason} ${paint("dim", "(no policy can lift this)")}`);
  } else if (policies.length === 0) {
    for (const reason of reasons) say(`  ${reason}`);
  }
  for (const { id, effect, reason, advice } of policies) {
    const text = set.policies.find((policy) => policy.id === id);
    say(
      `  ${paint(effect === "permit" ? "good" : "bad", effect)}  ${paint("strong", id)}  ${text?.file}:${text?.line}`,
    );
    say(`          ${reason}`);
    if (advice !== undefined) say(paint("dim", `          ${advice}`));
  }
  const { risk, reversible, dryRun, confidence, autonomy, environment } = context;
  say(
    paint(
      "dim",
      `asked with ${risk} risk, reversible ${reversible}, dry-run ${dryRun}, confidence ${confidence}, autonomy ${autonomy}, ${environment}`,
    ),
  );
}
