import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { PanicItem, PanicPreview, PanicState } from "../../../src/wire.ts";
import { act, read } from "../api.ts";
import { frozen, me, now, outOfTouch, serverTime } from "../store.ts";
import { age, counted, dateTime } from "../words.ts";
import { Dialog } from "./dialog.tsx";
import { HoldButton } from "./hold-button.tsx";
import { Command, Diff, Pill, type Tone } from "./pieces.tsx";

const windows = [1, 5, 15, 60];
const minuteMs = 60_000;

/** The Panic Button's sheet: what would be taken back, then what is, then the report. */
export function PanicSheet({ onClose }: { onClose: () => void }): JSX.Element {
  const [minutes, setMinutes] = useState(5);
  const panic = frozen.value;
  if (outOfTouch.value) return <ByTerminal minutes={minutes} onClose={onClose} />;
  if (panic !== undefined) return <Progress panic={panic} onClose={onClose} />;
  return <Before minutes={minutes} onMinutes={setMinutes} onClose={onClose} />;
}

function ByTerminal({ minutes, onClose }: { minutes: number; onClose: () => void }): JSX.Element {
  return (
    <Dialog title="Panic, by terminal" shape="sheet" onClose={onClose}>
      <p>
        This page can't reach Omega, so a press here would go nowhere. On a machine that reaches the bus, run one of
        these.
      </p>
      <h3>Freeze, and take back the last {counted(minutes, "minute")}</h3>
      <Command line={`omega panic --window ${minutes}m`} />
      <h3>The same without any other process, if Surgeon is down</h3>
      <Command line={`omega panic --direct --window ${minutes}m`} />
    </Dialog>
  );
}

function Before(props: { minutes: number; onMinutes: (minutes: number) => void; onClose: () => void }): JSX.Element {
  const { minutes, onMinutes, onClose } = props;
  const [preview, setPreview] = useState<PanicPreview>();
  const [reason, setReason] = useState("");
  const [trouble, setTrouble] = useState("");
  const seq = now.value?.seq;
  useEffect(() => {
    void read<PanicPreview>(`/api/panic?windowMs=${minutes * minuteMs}`).then((answer) => {
      if (answer.ok) setPreview(answer.value);
      else setTrouble(answer.says);
    });
  }, [minutes, seq]);
  const press = (): void => {
    const why = reason.trim() === "" ? {} : { reason };
    void act({ act: "panic", windowMs: minutes * minuteMs, ...why }).then((answer) => {
      if (!answer.ok) setTrouble(answer.says);
    });
  };
  return (
    <Dialog title="Panic: freeze, then take back" shape="sheet" onClose={onClose} footer={<Press onPress={press} />}>
      <p>Nothing new starts anywhere. Then every effect of the window is taken back by its own plan, newest first.</p>
      <Window minutes={minutes} onMinutes={onMinutes} />
      {trouble === "" ? undefined : (
        <p class="bad" role="alert">
          {trouble}
        </p>
      )}
      <Items
        title="Will be taken back"
        items={preview?.undo}
        none={`Omega changed nothing in the last ${counted(minutes, "minute")} that still stands. Pressing freezes it.`}
      />
      {preview === undefined || preview.cannot.length === 0 ? undefined : (
        <Items title="Can't be taken back" items={preview.cannot} none="" />
      )}
      <div class="field">
        <label for="panic-reason">Why (optional, goes on record)</label>
        <input
          id="panic-reason"
          class="input"
          maxLength={1024}
          value={reason}
          onInput={({ currentTarget }) => setReason(currentTarget.value)}
        />
      </div>
    </Dialog>
  );
}

/** Two ways to mean it: holding the button, or typing the word. */
function Press({ onPress }: { onPress: () => void }): JSX.Element {
  const [typed, setTyped] = useState("");
  if (me.value?.role === "viewer")
    return <p class="quiet">You are signed in as a viewer; pressing takes a responder.</p>;
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (typed.trim().toLowerCase() === "panic") onPress();
  };
  return (
    <>
      <HoldButton says="Hold to freeze and take back" onHeld={onPress} />
      <form class="choices" onSubmit={submit}>
        <input
          class="input"
          aria-label="Or type panic and press Enter"
          placeholder="or type: panic"
          size={12}
          value={typed}
          onInput={({ currentTarget }) => setTyped(currentTarget.value)}
        />
      </form>
    </>
  );
}

function Window({ minutes, onMinutes }: { minutes: number; onMinutes: (minutes: number) => void }): JSX.Element {
  return (
    <fieldset class="field choices-of-window">
      <legend class="hidden-visually">Window</legend>
      <div class="choices">
        {windows.map((each) => (
          <label>
            <input type="radio" name="window" checked={each === minutes} onChange={() => onMinutes(each)} />
            <span>{each} min</span>
          </label>
        ))}
        <input
          class="input minutes"
          type="number"
          min={1}
          max={1440}
          aria-label="Window in minutes"
          value={minutes}
          onInput={({ currentTarget }) =>
            onMinutes(Math.min(1440, Math.max(1, Math.round(currentTarget.valueAsNumber || 1))))
          }
        />
      </div>
    </fieldset>
  );
}

/** While it happens, and afterwards: the same list, each with what became of it. */
function Progress({ panic, onClose }: { panic: PanicState; onClose: () => void }): JSX.Element {
  const open = panic.items.filter(
    ({ state }) => state === "waiting" || state === "running" || state === "undoing",
  ).length;
  const done = panic.items.filter(({ state }) => state === "undone").length;
  return (
    <Dialog title={open > 0 ? "Taking back" : "Panic report"} shape="sheet" onClose={onClose}>
      <div role="status" class="stack">
        <p>
          {panic.frozen.length > 0
            ? `Frozen: ${panic.frozen.join(", ")}.`
            : "Pressed; waiting for a Surgeon to say that it is frozen."}{" "}
          {open > 0
            ? `${done} of ${panic.items.length} taken back.`
            : panic.items.length === 0
              ? "Nothing was to be taken back."
              : `${done} of ${panic.items.length} taken back; nothing is left to do.`}
        </p>
      </div>
      <Items title="Effects" items={panic.items} none="Nothing had been changed in the window." />
      <dl class="facts">
        <dt>Pressed by</dt>
        <dd>{panic.by}</dd>
        <dt>At</dt>
        <dd>{dateTime(panic.at)}</dd>
        <dt>Window</dt>
        <dd>{age(panic.windowMs)}</dd>
        {panic.reason === undefined ? undefined : (
          <>
            <dt>Why</dt>
            <dd>{panic.reason}</dd>
          </>
        )}
      </dl>
      <p class="quiet">Omega stays frozen, also over restarts, until an admin resumes it with a reason.</p>
    </Dialog>
  );
}

const states: Record<PanicItem["state"], { tone: Tone; says: string }> = {
  waiting: { tone: "note", says: "will be undone" },
  running: { tone: "warn", says: "running" },
  gone: { tone: "plain", says: "already gone" },
  undoing: { tone: "warn", says: "undoing" },
  undone: { tone: "good", says: "undone" },
  conflicted: { tone: "bad", says: "left alone" },
  failed: { tone: "bad", says: "failed" },
  irreversible: { tone: "bad", says: "irreversible" },
};

function Items({
  title,
  items,
  none,
}: {
  title: string;
  items: readonly PanicItem[] | undefined;
  none: string;
}): JSX.Element {
  return (
    <section class="card" aria-label={title}>
      <header>
        <h3>{title}</h3>
        <span class="push quiet">{items === undefined ? "" : items.length}</span>
      </header>
      {items === undefined ? <p class="empty">Looking …</p> : undefined}
      {items?.length === 0 ? <p class="empty">{none}</p> : undefined}
      <ul class="rows">
        {items?.map((item) => (
          <li key={item.actionId}>
            <div>
              <span class="top">
                <span class="name">
                  {item.actionType} on {item.target.namespace}/{item.target.name}
                </span>
                <span class="push">
                  <Pill tone={states[item.state].tone}>{states[item.state].says}</Pill>
                </span>
              </span>
              <span class="quiet">
                {item.says} Started {age(serverTime.value - item.startedAt)} ago.
              </span>
              <ItemFields item={item} />
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What goes back, field by field; or, where somebody else changed it since, what was left and what is there now. */
function ItemFields({ item }: { item: PanicItem }): JSX.Element | undefined {
  if (item.state === "conflicted" && item.differs.length > 0)
    return (
      <Diff
        changes={item.differs.map(({ object, path, expected, found, changedBy }) => ({
          object,
          path: changedBy === undefined ? path : `${path}, changed by ${changedBy}`,
          before: expected,
          after: found,
        }))}
      />
    );
  if (item.changes.length === 0) return undefined;
  const back = item.changes
    .slice(0, 4)
    .map(({ before, after, ...rest }) => ({ ...rest, before: after, after: before }));
  return <Diff changes={back} />;
}
