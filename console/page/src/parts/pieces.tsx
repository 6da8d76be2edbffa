import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import type { IncidentCard } from "../../../src/wire.ts";

export type Tone = "good" | "warn" | "bad" | "note" | "plain";

export function Pill({ tone = "plain", children }: { tone?: Tone; children: ComponentChildren }): JSX.Element {
  return <span class={`pill ${tone}`}>{children}</span>;
}

const statusTones: Record<IncidentCard["status"], Tone> = {
  open: "bad",
  "awaiting approval": "warn",
  resolved: "good",
  escalated: "bad",
};

export function Status({ card }: { card: IncidentCard }): JSX.Element {
  const outcome = card.status === "resolved" ? (card.outcome ?? "resolved") : card.status;
  return <Pill tone={statusTones[card.status]}>{outcome}</Pill>;
}

export function Card(props: {
  title: string;
  aside?: ComponentChildren;
  padded?: boolean;
  /** Where it stands when the columns are one: before what has no rank. */
  rank?: "first" | "early";
  children: ComponentChildren;
}): JSX.Element {
  return (
    <section class={`card ${props.rank ?? ""}`} aria-label={props.title}>
      <header>
        <h2>{props.title}</h2>
        {props.aside === undefined ? undefined : <div class="push">{props.aside}</div>}
      </header>
      {props.padded === true ? <div class="body">{props.children}</div> : props.children}
    </section>
  );
}

/** What is not there, and what would bring it. */
export function Empty({ says, next }: { says: string; next?: ComponentChildren }): JSX.Element {
  return (
    <div class="empty">
      <strong>{says}</strong>
      {next === undefined ? undefined : <span>{next}</span>}
    </div>
  );
}

/** A line for the terminal, to be taken along. */
export function Command({ line }: { line: string }): JSX.Element {
  const [copied, setCopied] = useState(false);
  const copy = (): void => {
    void navigator.clipboard.writeText(line).then(() => setCopied(true));
  };
  return (
    <div class="command" tabIndex={0} role="group" aria-label="command line">
      <code>{line}</code>
      <button type="button" class="button" onClick={copy}>
        {copied ? "Copied" : "Copy"}
      </button>
    </div>
  );
}

export interface FieldChange {
  readonly object: string;
  readonly path: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** What changes, field by field, as it was and as it will be. */
export function Diff({ changes }: { changes: readonly FieldChange[] }): JSX.Element {
  if (changes.length === 0) return <p class="quiet">No field of an object changes.</p>;
  return (
    <div class="diff">
      {changes.map(({ object, path, before, after }) => (
        <>
          <div class="path">
            {object} {path}
          </div>
          {before === undefined ? undefined : <div class="minus">- {textOf(before)}</div>}
          {after === undefined ? undefined : <div class="plus">+ {textOf(after)}</div>}
        </>
      ))}
    </div>
  );
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
