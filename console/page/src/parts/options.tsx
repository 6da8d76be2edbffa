import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { IncidentDetail, Pending } from "../../../src/wire.ts";
import { act } from "../api.ts";
import { me, outOfTouch, serverTime } from "../store.ts";
import { age, counted } from "../words.ts";
import { Dialog } from "./dialog.tsx";
import { Card, Diff, Empty, Pill, type Tone } from "./pieces.tsx";

type Option = IncidentDetail["options"][number];

const riskTones: Record<Option["risk"], Tone> = { low: "good", medium: "warn", high: "bad" };
const wayBack: Record<Option["reversible"], { tone: Tone; says: string }> = {
  exact: { tone: "good", says: "exactly reversible" },
  compensating: { tone: "warn", says: "can be compensated" },
  none: { tone: "bad", says: "irreversible" },
};

/** The repairs that were planned, best first, and the question if one stands. */
export function Options({ detail }: { detail: IncidentDetail }): JSX.Element {
  const { options, refused, pending, card, earlierRounds } = detail;
  return (
    <Card title={pending === undefined ? "Repairs" : "A repair waits for you"} rank="first">
      {options.length === 0 ? (
        <Empty says="No repair was proposed yet." next="Surgeon plans and dry-runs repairs once there is a cause." />
      ) : undefined}
      <ul class="rows">
        {options.map((option, index) => (
          <li key={`${option.planHash} ${index}`}>
            <OptionRow option={option} isAsked={pending?.planHash === option.planHash} />
            {pending?.planHash === option.planHash ? (
              <Question pending={pending} option={option} incidentId={card.id} />
            ) : undefined}
          </li>
        ))}
      </ul>
      {earlierRounds === 0 ? undefined : (
        <p class="foot small quiet">{counted(earlierRounds, "earlier plan")}: see the timeline.</p>
      )}
      {refused.length === 0 ? undefined : (
        <details>
          <summary class="quiet">{refused.length} considered and refused</summary>
          <ul class="rows">
            {refused.map(({ actionType, reason }) => (
              <li>
                <div>
                  <span class="name">{actionType}</span>
                  <span class="quiet">{reason}</span>
                </div>
              </li>
            ))}
          </ul>
        </details>
      )}
    </Card>
  );
}

function OptionRow({ option, isAsked }: { option: Option; isAsked: boolean }): JSX.Element {
  const back = wayBack[option.reversible];
  return (
    <div>
      <span class="top">
        <span class="name">
          {option.actionType} on {option.target.kind} {option.target.namespace}/{option.target.name}
        </span>
      </span>
      <span class="evidence">
        <Pill tone={back.tone}>{back.says}</Pill>
        <Pill tone={riskTones[option.risk]}>{option.risk} risk</Pill>
        <Pill tone={option.dryRun === "proven" ? "good" : "warn"}>dry run {option.dryRun}</Pill>
      </span>
      <span class="quiet">{option.blastRadius.says}</span>
      {option.reasons.map((reason) => (
        <span class="quiet small">Because: {reason}</span>
      ))}
      {option.warnings.map((warning) => (
        <span class="warn small">But: {warning}</span>
      ))}
      <details open={isAsked}>
        <summary class="quiet">
          What changes: {option.changes.length === 1 ? "1 field" : `${option.changes.length} fields`}
        </summary>
        <Diff changes={option.changes} />
      </details>
    </div>
  );
}

function Question(props: { pending: Pending; option: Option; incidentId: string }): JSX.Element {
  const { pending } = props;
  const [asking, setAsking] = useState<"approve" | "deny">();
  const left = pending.expiresAt - serverTime.value;
  const viewer = me.value?.role === "viewer";
  const why = viewer
    ? "You are signed in as a viewer; deciding takes a responder."
    : outOfTouch.value
      ? "Nothing that you say would arrive at present."
      : left <= 0
        ? "The question has expired."
        : undefined;
  return (
    <div>
      {pending.reasons.map((reason) => (
        <span>A person must decide: {reason}</span>
      ))}
      <span class="choices">
        <button type="button" class="button primary" disabled={why !== undefined} onClick={() => setAsking("approve")}>
          Approve …
        </button>
        <button type="button" class="button" disabled={why !== undefined} onClick={() => setAsking("deny")}>
          Deny …
        </button>
      </span>
      <span class="quiet small">
        {why ?? `Expires in ${age(left)}.`} Plan <code>{pending.planHash.slice(0, 12)}</code>
      </span>
      {asking === undefined ? undefined : <Decide {...props} asking={asking} onClose={() => setAsking(undefined)} />}
    </div>
  );
}

function Decide(props: {
  pending: Pending;
  option: Option;
  incidentId: string;
  asking: "approve" | "deny";
  onClose: () => void;
}): JSX.Element {
  const { pending, option, incidentId, asking, onClose } = props;
  const [comment, setComment] = useState("");
  const [trouble, setTrouble] = useState("");
  const target = `${option.target.namespace}/${option.target.name}`;
  const decide = (event: SubmitEvent): void => {
    event.preventDefault();
    const said = comment.trim() === "" ? {} : { comment };
    void act({ act: asking, incidentId, planHash: pending.planHash, ...said }).then((answer) =>
      answer.ok ? onClose() : setTrouble(answer.says),
    );
  };
  return (
    <Dialog title={asking === "approve" ? "Approve this plan" : "Deny this plan"} shape="box" onClose={onClose}>
      <form class="stack" onSubmit={decide}>
        <p class="strong">{asking === "approve" ? approving(option, target) : denying(option, target)}</p>
        <Diff changes={option.changes} />
        <div class="field">
          <label for="decision-comment">Why (optional, goes on record with your name)</label>
          <input
            id="decision-comment"
            class="input"
            maxLength={1024}
            value={comment}
            onInput={({ currentTarget }) => setComment(currentTarget.value)}
          />
        </div>
        {trouble === "" ? undefined : (
          <p class="bad" role="alert">
            {trouble}
          </p>
        )}
        <div class="choices">
          <button type="submit" class={`button ${asking === "approve" ? "primary" : ""}`}>
            {asking === "approve" ? `Run ${option.actionType} now` : "Don't run it"}
          </button>
          <button type="button" class="button" onClick={onClose}>
            Decide later
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** The consequence, named before it is chosen. */
function approving(option: Option, target: string): string {
  const back =
    option.reversible === "exact"
      ? "It can be taken back exactly."
      : option.reversible === "compensating"
        ? "It can be compensated, not undone exactly."
        : "It can't be taken back.";
  return `${option.actionType} runs on ${target} at once. ${option.blastRadius.says} ${back}`;
}

function denying(option: Option, target: string): string {
  return `${option.actionType} on ${target} does not run. Omega goes to the next repair, or gives the incident to a person.`;
}
