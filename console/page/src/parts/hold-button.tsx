import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

const holdMs = 1200;

/** A button that has to be held, by pointer, Space or Enter: too long for a slip, short enough for an emergency. */
export function HoldButton({ says, onHeld }: { says: string; onHeld: () => void }): JSX.Element {
  const [share, setShare] = useState(0);
  const frame = useRef(0);
  const stop = (): void => {
    cancelAnimationFrame(frame.current);
    frame.current = 0;
    setShare(0);
  };
  const begin = (): void => {
    if (frame.current !== 0) return;
    const startedAt = performance.now();
    const step = (at: number): void => {
      const done = (at - startedAt) / holdMs;
      if (done >= 1) {
        stop();
        onHeld();
        return;
      }
      setShare(done);
      frame.current = requestAnimationFrame(step);
    };
    frame.current = requestAnimationFrame(step);
  };
  useEffect(() => () => cancelAnimationFrame(frame.current), []);
  const isPress = ({ key }: KeyboardEvent): boolean => key === " " || key === "Enter";
  return (
    <button
      type="button"
      class="button panic hold"
      onPointerDown={begin}
      onPointerUp={stop}
      onPointerLeave={stop}
      onPointerCancel={stop}
      onBlur={stop}
      onKeyDown={(event) => {
        if (!isPress(event)) return;
        event.preventDefault();
        begin();
      }}
      onKeyUp={(event) => {
        if (isPress(event)) stop();
      }}
    >
      <i style={{ width: `${share * 100}%` }} />
      <span>{says}</span>
    </button>
  );
}
