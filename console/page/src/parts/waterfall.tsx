import type { JSX } from "preact";
import type { Waterfall as Trace } from "@omega/bus-schemas/waterfall.ts";
import type { SourceExcerpt } from "../../../src/wire.ts";

/** The trace that shows the fault: who called whom, how long, and where it broke. */
export function Waterfall({ trace }: { trace: Trace }): JSX.Element {
  const whole = Math.max(trace.durationMs, 0.001);
  return (
    <div class="waterfall" role="list" aria-label={`Trace ${trace.traceId}`}>
      {trace.spans.map((span) => {
        const culprit = trace.culprit?.spanId === span.spanId;
        const lane = { left: `${(100 * span.startMs) / whole}%`, width: `${(100 * span.durationMs) / whole}%` };
        return (
          <div role="listitem" class={`span ${span.failed ? "failed" : ""} ${culprit ? "culprit" : ""}`}>
            <span
              style={{ paddingLeft: `${Math.min(span.depth, 12) * 12}px` }}
              title={`${span.service} ${span.operation}`}
            >
              <span class="strong">{span.service}</span> <span class="quiet">{span.operation}</span>
            </span>
            <span class="lane">
              <i style={lane} />
            </span>
            <span class="tabular quiet">{span.durationMs.toFixed(1)} ms</span>
            {span.error === undefined ? undefined : (
              <span class="why small bad">
                {culprit ? "Culprit: " : ""}
                {span.error} {span.place === undefined ? undefined : <code>{span.place}</code>}
              </span>
            )}
          </div>
        );
      })}
      {trace.notes.map((note) => (
        <p class="foot small quiet">{note}</p>
      ))}
      {trace.omitted === 0 ? undefined : (
        <p class="foot small quiet">{trace.omitted} further spans say nothing about it and are left out.</p>
      )}
    </div>
  );
}

export function Source({ source }: { source: SourceExcerpt }): JSX.Element {
  return (
    <div class="source mono" tabIndex={0} role="region" aria-label={`${source.file}, line ${source.line}`}>
      {source.lines.map((text, index) => {
        const number = source.firstLine + index;
        return (
          <div class={number === source.line ? "fault" : ""}>
            <span class="number">{number}</span>
            <span>{text === "" ? " " : text}</span>
          </div>
        );
      })}
    </div>
  );
}
