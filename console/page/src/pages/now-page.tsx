import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { AutonomyCard, IncidentCard, Now } from "../../../src/wire.ts";
import { EventSheet } from "../parts/event-sheet.tsx";
import { Card, Empty, Pill, Status } from "../parts/pieces.tsx";
import { Timeline } from "../parts/timeline.tsx";
import { frames, now, serverTime } from "../store.ts";
import { age, counted, dateTime } from "../words.ts";

const levels = ["observe", "suggest", "approve", "auto"];

/** What is going on: incidents, signals, and what Omega does and may do. */
export function NowPage(): JSX.Element {
  const state = now.value;
  if (state === undefined) return <Loading />;
  const isOpen = ({ status }: IncidentCard): boolean => status === "open" || status === "awaiting approval";
  const open = state.incidents.filter(isOpen);
  const needed = state.incidents.filter(({ status }) => status === "escalated");
  const over = state.incidents.filter(({ status }) => status === "resolved");
  return (
    <>
      <div class="page-head">
        <h1>{headline(open, state)}</h1>
        <p class="line">
          {counted(state.signals.length, "signal")} firing, {counted(over.length, "incident")} resolved, {needed.length}{" "}
          given to a person
        </p>
      </div>
      <div class="columns">
        <div class="stack">
          <Card title="Open incidents" aside={<span class="quiet">{open.length}</span>}>
            <Incidents
              cards={open}
              empty={
                <Empty
                  says="Nothing is open."
                  next="When signals say that users hurt, an incident appears here by itself."
                />
              }
            />
          </Card>
          {needed.length === 0 ? undefined : (
            <Card title="Given to a person" aside={<span class="quiet">{needed.length}</span>}>
              <Incidents cards={needed.slice(0, 8)} empty={<Empty says="None." />} />
            </Card>
          )}
          <Card title="Resolved" aside={<span class="quiet">{over.length}</span>}>
            <Incidents cards={over.slice(0, 8)} empty={<Empty says="No incident was resolved yet." />} />
          </Card>
          <Passing />
        </div>
        <div class="stack">
          <Doing open={open} state={state} />
          <Signals state={state} />
          <Budgets state={state} />
          <Autonomy cards={state.autonomy} />
          <Machine state={state} />
        </div>
      </div>
    </>
  );
}

function Loading(): JSX.Element {
  return (
    <div class="page-head">
      <h1>Reading the stream …</h1>
    </div>
  );
}

function headline(open: readonly IncidentCard[], { signals }: Now): string {
  const waiting = open.filter(({ status }) => status === "awaiting approval").length;
  if (waiting > 0) return `${counted(waiting, "repair")} waiting for your decision`;
  if (open.length > 0) return `${counted(open.length, "incident")} being worked on`;
  return signals.length > 0 ? "Watching a signal" : "All quiet";
}

function Incidents({ cards, empty }: { cards: readonly IncidentCard[]; empty: JSX.Element }): JSX.Element {
  if (cards.length === 0) return empty;
  return (
    <ul class="rows">
      {cards.map((card) => (
        <li key={card.id}>
          <a href={`/incident/${encodeURIComponent(card.id)}`}>
            <span class="top">
              <span class="name">{card.title}</span>
              <span class="push">
                <Status card={card} />
              </span>
            </span>
            <span class="quiet">{summary(card)}</span>
            <span class="quiet small">
              {card.id}, {card.service}, {card.severity},{" "}
              {card.resolveMs === undefined
                ? `${age(serverTime.value - card.onset)} since the onset`
                : `over after ${age(card.resolveMs)}, ${dateTime(card.onset)}`}
            </span>
          </a>
        </li>
      ))}
    </ul>
  );
}

/** What is done about it, or what it was; with the line, where that is not said already. */
function summary({ doing, cause, outcome, location }: IncidentCard): string {
  const says = doing ?? cause ?? outcome ?? "";
  const line = location?.file === undefined ? "" : `${location.file}:${location.lineStart ?? ""}`;
  return line === "" || says.includes(line) ? says : `${says} (${line})`;
}

function Passing(): JSX.Element {
  const [chosen, setChosen] = useState<number>();
  const told = frames.value.filter((frame) => frame.told.length > 0);
  return (
    <Card title="As it happens" aside={<span class="quiet">the newest last</span>}>
      {told.length === 0 ? (
        <Empty
          says="Nothing has happened yet."
          next="Every event that people should know of appears here as it is said."
        />
      ) : (
        <Timeline frames={told} zero={undefined} chosen={chosen} onChoose={setChosen} />
      )}
      {chosen === undefined ? undefined : <EventSheet seq={chosen} onClose={() => setChosen(undefined)} />}
    </Card>
  );
}

function Doing({ open, state }: { open: readonly IncidentCard[]; state: Now }): JSX.Element {
  const last = frames.value.findLast((frame) => frame.told.length > 0);
  const { model } = state;
  return (
    <Card title="This second" padded>
      <div class="gauges">
        {open.length === 0 ? <p>Watching telemetry; nothing to repair.</p> : undefined}
        {open.slice(0, 5).map((card) => (
          <p>
            <span class="strong">{card.doing ?? "Looking"}</span> <span class="quiet">for {card.title}</span>
          </p>
        ))}
        {last === undefined ? undefined : (
          <p class="quiet small">
            {last.actor}, {age(serverTime.value - last.storedAt)} ago: {last.told[0]?.text}
          </p>
        )}
        <dl class="facts">
          <dt>Model</dt>
          <dd>
            {model === undefined ? (
              <Pill>not asked yet</Pill>
            ) : model.name === undefined ? (
              <Pill>off: decided without a model</Pill>
            ) : model.failure !== undefined ? (
              <Pill tone="warn">
                on: {model.name}; went on without it, {model.failure}
              </Pill>
            ) : (
              <Pill tone="note">on: {model.name}</Pill>
            )}
          </dd>
        </dl>
      </div>
    </Card>
  );
}

function Signals({ state }: { state: Now }): JSX.Element {
  return (
    <Card title="Signals" aside={<span class="quiet">{state.signals.length}</span>}>
      {state.signals.length === 0 ? <Empty says="No signal is firing." /> : undefined}
      <ul class="rows">
        {state.signals.slice(0, 12).map((signal) => (
          <li key={signal.signalId}>
            <div>
              <span class="top">
                <span class="name">
                  {signal.service} {signal.operation}
                </span>
                <span class="push">
                  <Pill tone={signal.severity === "critical" ? "bad" : "warn"}>{signal.severity}</Pill>
                </span>
              </span>
              <span class="quiet">{signal.says}</span>
              <span class="quiet small">
                for {age(serverTime.value - signal.since)}
                {signal.leadTimeMs === undefined || signal.leadTimeMs === 0
                  ? ""
                  : `, users hurt in about ${age(signal.leadTimeMs)}`}
              </span>
            </div>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Budgets({ state }: { state: Now }): JSX.Element {
  return (
    <Card title="Budgets" padded>
      <div class="gauges">
        {state.budgets.length === 0 ? <p class="quiet">No budget is set in coordinator.yaml here.</p> : undefined}
        {state.budgets.map(({ name, used, max, unit }) => (
          <div class="gauge">
            <div class="row">
              <span>{name}</span>
              <span class="quiet tabular">
                {used} of {max} {unit}
              </span>
            </div>
            <div
              class={`meter ${used >= max ? "full" : ""}`}
              role="meter"
              aria-label={name}
              aria-valuenow={used}
              aria-valuemin={0}
              aria-valuemax={max}
            >
              <i style={{ width: `${Math.min(100, (100 * used) / max)}%` }} />
            </div>
          </div>
        ))}
      </div>
    </Card>
  );
}

function Autonomy({ cards }: { cards: readonly AutonomyCard[] }): JSX.Element {
  return (
    <Card title="Earned autonomy" padded>
      <div class="gauges">
        {cards.length === 0 ? (
          <p class="quiet">Nothing was earned or lost yet; levels begin as coordinator.yaml says.</p>
        ) : undefined}
        {cards.map(({ actionType, service, level, verified, setbacks }) => (
          <div class="gauge">
            <div class="row">
              <span>
                {actionType} <span class="quiet">on {service}</span>
              </span>
              <span
                class="levels"
                role="meter"
                aria-label={`${actionType} on ${service}: ${level}`}
                aria-valuenow={levels.indexOf(level)}
                aria-valuemin={0}
                aria-valuemax={3}
              >
                {levels.map((_level, index) => (
                  <i class={index <= levels.indexOf(level) ? "on" : ""} />
                ))}
              </span>
            </div>
            <span class="quiet small">
              {level}: {verified} verified, {counted(setbacks, "setback")}
            </span>
          </div>
        ))}
      </div>
    </Card>
  );
}

function Machine({ state }: { state: Now }): JSX.Element {
  const { audit } = state;
  return (
    <Card title="Processes" padded>
      <dl class="facts">
        {state.agents.map(({ agent, instance, startedAt }) => (
          <>
            <dt>{agent}</dt>
            <dd>
              {instance}, started {age(serverTime.value - startedAt)} ago
            </dd>
          </>
        ))}
        <dt>audit log</dt>
        <dd>
          {audit === undefined
            ? "no checkpoint yet"
            : `${audit.size} entries, signed ${age(serverTime.value - audit.at)} ago`}
        </dd>
        {state.refused === 0 ? undefined : (
          <>
            <dt>not believed</dt>
            <dd class="bad">{counted(state.refused, "message")} that no trusted key vouches for</dd>
          </>
        )}
      </dl>
    </Card>
  );
}
