import type { JSX } from "preact";
import type { IncidentDetail, MetricSeries } from "../../../src/wire.ts";
import { offset, quantity } from "../words.ts";

const width = 480;
const heightPx = 148;
const edge = { left: 52, right: 12, top: 26, bottom: 22 };
/** Beyond so many points they stand too close to be circles. */
const circlesMax = 12;
/** Room that the word above a line needs. */
const wordPx = 72;

/** One measure around the onset. The points are what signals and verification measured, nothing between them is claimed. */
export function Chart(props: {
  series: MetricSeries;
  marks: IncidentDetail["marks"];
  zero: number;
  /** The same for all charts that stand together. */
  span: { readonly from: number; readonly to: number };
}): JSX.Element {
  const { series, marks, zero } = props;
  const { from, to } = props.span;
  const most = Math.max(...series.points.map(({ value }) => value), series.baseline ?? 0) || 1;
  const x = (at: number): number => edge.left + ((at - from) / (to - from)) * (width - edge.left - edge.right);
  const y = (value: number): number => heightPx - edge.bottom - (value / most) * (heightPx - edge.top - edge.bottom);
  const first = series.points[0];
  const last = series.points.at(-1);
  const tick =
    series.unit === "1" || series.unit === "ms" ? quantity(most, series.unit) : String(Number(most.toPrecision(3)));
  const circles = series.points.length > circlesMax ? [] : series.points;
  const says = `${series.name}: ${quantity(first?.value ?? 0, series.unit)} at first, ${quantity(last?.value ?? 0, series.unit)} at last, at most ${quantity(most, series.unit)}`;
  return (
    <figure class="chart">
      <figcaption class="small quiet">{series.name}</figcaption>
      <svg viewBox={`0 0 ${width} ${heightPx}`} role="img" aria-label={says}>
        <line class="grid" x1={edge.left} x2={width - edge.right} y1={y(0)} y2={y(0)} />
        <line class="grid" x1={edge.left} x2={width - edge.right} y1={y(most)} y2={y(most)} />
        <text x={edge.left - 6} y={y(most) + 4} text-anchor="end">
          {tick}
        </text>
        <text x={edge.left - 6} y={y(0) + 4} text-anchor="end">
          0
        </text>
        {series.baseline === undefined ? undefined : (
          <line class="base" x1={edge.left} x2={width - edge.right} y1={y(series.baseline)} y2={y(series.baseline)}>
            <title>baseline {quantity(series.baseline, series.unit)}</title>
          </line>
        )}
        {marks.map((mark, index) => (
          <g>
            <line class={`mark ${mark.kind}`} x1={x(mark.at)} x2={x(mark.at)} y1={edge.top - 8} y2={y(0)}>
              <title>
                {mark.says} {offset(mark.at - zero)}
              </title>
            </line>
            {isCrowded(marks, index, x) ? undefined : (
              <text x={Math.min(x(mark.at), width - edge.right)} y={edge.top - 12} text-anchor={anchorAt(x(mark.at))}>
                {mark.kind}
              </text>
            )}
          </g>
        ))}
        <path
          class="path"
          d={series.points.map(({ at, value }, index) => `${index === 0 ? "M" : "L"}${x(at)} ${y(value)}`).join("")}
        />
        {circles.map(({ at, value, says: text }) => (
          <circle class="point" cx={x(at)} cy={y(value)} r="3">
            <title>
              {offset(at - zero)}: {quantity(value, series.unit)}. {text}
            </title>
          </circle>
        ))}
        <text x={edge.left} y={heightPx - 6}>
          {offset(from - zero)}
        </text>
        <text x={width - edge.right} y={heightPx - 6} text-anchor="end">
          {offset(to - zero)}
        </text>
      </svg>
    </figure>
  );
}

/** The time that charts of one incident span together. */
export function spanOf(metrics: readonly MetricSeries[], marks: IncidentDetail["marks"]): { from: number; to: number } {
  const times = [...metrics.flatMap(({ points }) => points), ...marks].map(({ at }) => at);
  const from = Math.min(...times);
  return { from, to: Math.max(...times, from + 1000) };
}

function anchorAt(px: number): "start" | "middle" | "end" {
  if (px < edge.left + wordPx / 2) return "start";
  return px > width - edge.right - wordPx / 2 ? "end" : "middle";
}

/** Whether a mark's word would stand on the word of the one before; its line stands there all the same. */
function isCrowded(marks: IncidentDetail["marks"], index: number, x: (at: number) => number): boolean {
  const [before, own] = [marks[index - 1], marks[index]];
  return before !== undefined && own !== undefined && Math.abs(x(own.at) - x(before.at)) < wordPx;
}
