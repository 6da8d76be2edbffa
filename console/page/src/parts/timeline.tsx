import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Frame } from "../../../src/wire.ts";
import { clockTime, offset } from "../words.ts";

const rowPx = 48;
/** Rows beyond both edges, so that a quick scroll meets no gap. */
const spare = 8;

/**
 * Events in order. Only the rows in sight are in the document, so ten thousand cost no more than ten. It stays at the end while it is
 * there, and stays where a person scrolled to otherwise. `zero` is the moment that times are counted from; without it the time of day stands there.
 */
export function Timeline(props: {
  frames: readonly Frame[];
  zero: number | undefined;
  chosen: number | undefined;
  onChoose: (seq: number) => void;
}): JSX.Element {
  const { frames, zero, chosen } = props;
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(560);
  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const watcher = new ResizeObserver(() => setHeight(element.clientHeight));
    watcher.observe(element);
    return () => watcher.disconnect();
  }, []);
  useEffect(() => {
    if (atEnd.current && box.current !== null) box.current.scrollTop = frames.length * rowPx;
  }, [frames.length]);
  const scrolled = ({ currentTarget }: { currentTarget: HTMLDivElement }): void => {
    setTop(currentTarget.scrollTop);
    atEnd.current = currentTarget.scrollTop + currentTarget.clientHeight >= currentTarget.scrollHeight - rowPx;
  };
  const first = Math.max(0, Math.floor(top / rowPx) - spare);
  const last = Math.min(frames.length, Math.ceil((top + height) / rowPx) + spare);
  return (
    <div class="timeline" ref={box} onScroll={scrolled} tabIndex={0} role="group" aria-label="Timeline">
      <div class="space" role="list" style={{ height: `${frames.length * rowPx}px` }}>
        {frames.slice(first, last).map((frame, index) => (
          <div key={frame.seq} role="listitem" aria-setsize={frames.length} aria-posinset={first + index + 1}>
            <Row
              frame={frame}
              at={zero === undefined ? clockTime(frame.storedAt) : offset(frame.storedAt - zero)}
              topPx={(first + index) * rowPx}
              isChosen={frame.seq === chosen}
              onChoose={props.onChoose}
            />
          </div>
        ))}
      </div>
    </div>
  );
}

function Row(props: {
  frame: Frame;
  at: string;
  topPx: number;
  isChosen: boolean;
  onChoose: (seq: number) => void;
}): JSX.Element {
  const { frame, at, topPx, isChosen } = props;
  const [head, ...details] = frame.told;
  return (
    <button
      type="button"
      class="event"
      style={{ top: `${topPx}px` }}
      aria-pressed={isChosen}
      onClick={() => props.onChoose(frame.seq)}
    >
      <span class="at">{at}</span>
      <span class={head?.tone ?? "dim"}>{head?.text ?? frame.type}</span>
      <span class="who">{frame.actor}</span>
      <span class="more">{details.map(({ text }) => text).join("  ·  ")}</span>
    </button>
  );
}
