import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Frame, IncidentDetail } from "../../../src/wire.ts";
import { read } from "../api.ts";
import { Chain } from "../parts/chain.tsx";
import { Chart, spanOf } from "../parts/chart.tsx";
import { EventSheet } from "../parts/event-sheet.tsx";
import { Options } from "../parts/options.tsx";
import { Card, Empty, Pill, Status } from "../parts/pieces.tsx";
import { Timeline } from "../parts/timeline.tsx";
import { Source, Waterfall } from "../parts/waterfall.tsx";
import { onFrame, serverTime } from "../store.ts";
import { age, counted, dateTime, share } from "../words.ts";

/** New events of an incident come in bursts; its detail is read again once they have settled for so long. */
const gatherMs = 150;
/** A detail that takes long to read is read seldom: at most this share of the time goes into it. */
const busyShare = 1 / 4;
const retryMs = 1000;
/** Charts that stand there at once: what is wrong with the operation that hurts. */
const chartsFirst = 3;
const chartsMax = 24;

interface Followed {
  readonly detail: IncidentDetail | undefined;
  /** Every event that people are told of, up to this moment. */
  readonly shown: readonly Frame[];
  readonly trouble: string;
}

/** The incident as it stands: what was loaded, and what the feed brought since. The page is made anew for another incident. */
function useIncident(id: string): Followed {
  const path = `/api/incidents/${encodeURIComponent(id)}`;
  const { shown, newest, trouble } = useTimeline(id, `${path}/timeline`);
  const detail = useDetail(path, newest);
  return { detail, trouble, shown };
}

function useTimeline(
  id: string,
  path: string,
): { shown: readonly Frame[]; newest: number | undefined; trouble: string } {
  const [shown, setShown] = useState<readonly Frame[]>([]);
  const [newest, setNewest] = useState<number>();
  const [trouble, setTrouble] = useState("");
  useEffect(() => {
    let lastSeq: number | undefined;
    let waiting: Frame[] = [];
    let drawing: number | undefined;
    const draw = (): void => {
      drawing = undefined;
      const after = lastSeq ?? 0;
      const fresh = waiting.filter(({ seq }) => seq > after);
      waiting = [];
      lastSeq = fresh.at(-1)?.seq ?? after;
      setNewest(lastSeq);
      setShown((before) => [...before, ...fresh.filter(isTold)]);
    };
    const leave = onFrame((frame) => {
      if (frame.incidentId !== id) return;
      waiting.push(frame);
      if (lastSeq !== undefined) drawing ??= requestAnimationFrame(draw);
    });
    void read<Frame[]>(path).then((answer) => {
      if (!answer.ok) return setTrouble(answer.says);
      lastSeq = answer.value.at(-1)?.seq ?? 0;
      setShown(answer.value.filter(isTold));
      draw();
    });
    return () => {
      leave();
      if (drawing !== undefined) cancelAnimationFrame(drawing);
    };
  }, [path]);
  return { shown, newest, trouble };
}

/** Reads the detail until it is as new as the newest event that the page knows of, one read at a time. */
function useDetail(path: string, newest: number | undefined): IncidentDetail | undefined {
  const [detail, setDetail] = useState<IncidentDetail>();
  const [failures, setFailures] = useState(0);
  const tookMs = useRef(0);
  const timer = useRef<number | undefined>(undefined);
  useEffect(() => {
    const isCurrent = newest === undefined ? detail !== undefined : detail !== undefined && detail.seq >= newest;
    if (isCurrent || timer.current !== undefined) return;
    const settledMs = detail === undefined ? 0 : Math.max(gatherMs, tookMs.current / busyShare);
    timer.current = window.setTimeout(
      () => {
        const from = performance.now();
        void read<IncidentDetail>(path).then((answer) => {
          tookMs.current = performance.now() - from;
          timer.current = undefined;
          if (answer.ok) {
            setDetail(answer.value);
            setFailures(0);
          } else if (answer.status !== 404) setFailures((count) => count + 1);
        });
      },
      failures > 0 ? retryMs : settledMs,
    );
  }, [path, newest, detail, failures]);
  useEffect(() => () => clearTimeout(timer.current), []);
  return detail;
}

function isTold({ told }: Frame): boolean {
  return told.length > 0;
}

export function IncidentPage({ id }: { id: string }): JSX.Element {
  const { detail, shown, trouble } = useIncident(id);
  const [chosen, setChosen] = useState<number>();
  if (detail === undefined)
    return (
      <div class="page-head">
        <h1>{trouble === "" ? "Reading the incident …" : "This incident is not here"}</h1>
        <p class="line">{trouble}</p>
      </div>
    );
  return (
    <>
      <Head detail={detail} />
      <div class="columns">
        <div class="stack">
          <Options detail={detail} />
          <Card
            title="Timeline"
            aside={<span class="quiet">{counted(shown.length, "event")}, times from the onset</span>}
          >
            <Timeline frames={shown} zero={detail.card.onset} chosen={chosen} onChoose={setChosen} />
          </Card>
          <Trace detail={detail} />
          <Card title="Reasoning" padded>
            <Chain chapters={detail.reasoning} onOpen={setChosen} />
          </Card>
          {detail.postmortem === undefined ? undefined : (
            <Card title="Post-mortem">
              <pre class="block" tabIndex={0}>
                {detail.postmortem}
              </pre>
            </Card>
          )}
        </div>
        <div class="stack">
          <Cause detail={detail} />
          <Charts detail={detail} />
          <Similar detail={detail} />
        </div>
      </div>
      {chosen === undefined ? undefined : <EventSheet seq={chosen} onClose={() => setChosen(undefined)} />}
    </>
  );
}

function Head({ detail: { card } }: { detail: IncidentDetail }): JSX.Element {
  return (
    <div class="page-head">
      <p class="line">
        <a class="link" href="/">
          Now
        </a>
        <code>{card.id}</code>
      </p>
      <h1>{card.title}</h1>
      <p class="line">
        <Status card={card} />
        <Pill tone={card.severity === "critical" ? "bad" : "warn"}>{card.severity}</Pill>
        <span>onset {dateTime(card.onset)}</span>
        <span>
          {card.resolveMs === undefined
            ? `${age(serverTime.value - card.onset)} so far`
            : `over after ${age(card.resolveMs)}`}
        </span>
        {card.doing === undefined ? undefined : <span class="strong">{card.doing}</span>}
      </p>
    </div>
  );
}

function Cause({ detail: { diagnosis, card } }: { detail: IncidentDetail }): JSX.Element {
  if (diagnosis === undefined)
    return (
      <Card title="Cause" rank="early">
        <Empty
          says={card.status === "open" ? "Scout is looking." : "No diagnosis was made."}
          next="Its ranking stands here once it is on the stream, with the evidence for each."
        />
      </Card>
    );
  return (
    <Card
      title="Cause"
      rank="early"
      aside={<Pill>{diagnosis.model === undefined ? "without a model" : diagnosis.model}</Pill>}
      padded
    >
      <div class="gauges">
        <p class="strong">{diagnosis.says}</p>
        {diagnosis.candidates.slice(0, 4).map((candidate) => (
          <div class="gauge">
            <div class="row">
              <span>
                {candidate.rank}. {candidate.kind} in {candidate.service}{" "}
                {candidate.location?.file === undefined ? undefined : (
                  <code>
                    {candidate.location.file}:{candidate.location.lineStart}
                  </code>
                )}
              </span>
              <span class="quiet tabular">{share(candidate.confidence)}</span>
            </div>
            <div
              class="meter"
              role="meter"
              aria-label={`confidence in ${candidate.service}`}
              aria-valuenow={Math.round(candidate.confidence * 100)}
              aria-valuemin={0}
              aria-valuemax={100}
            >
              <i style={{ width: `${candidate.confidence * 100}%` }} />
            </div>
          </div>
        ))}
        <p class="quiet">
          Felt by {diagnosis.services.join(", ") || "nobody yet"}; {share(diagnosis.trafficShare)} of the traffic.
        </p>
      </div>
    </Card>
  );
}

function Trace({ detail: { trace, source, diagnosis } }: { detail: IncidentDetail }): JSX.Element {
  return (
    <Card title="Trace" aside={trace === undefined ? undefined : <code>{trace.traceId}</code>}>
      {trace === undefined ? (
        <Empty
          says="No trace was kept with this incident."
          next={
            diagnosis === undefined || diagnosis.traceIds.length === 0
              ? "The diagnosis names none yet."
              : `The diagnosis looked at ${diagnosis.traceIds.join(", ")}; your tracing store may still hold it.`
          }
        />
      ) : (
        <Waterfall trace={trace} />
      )}
      {source === undefined ? undefined : (
        <>
          <p class="foot small quiet">
            <code>
              {source.file}:{source.line}
            </code>
          </p>
          <Source source={source} />
        </>
      )}
    </Card>
  );
}

function Charts({ detail: { metrics, marks, card } }: { detail: IncidentDetail }): JSX.Element {
  const span = spanOf(metrics, marks);
  return (
    <Card title="Around the onset" padded>
      <div class="gauges">
        {metrics.length === 0 ? <p class="quiet">Nothing was measured yet.</p> : undefined}
        {metrics.slice(0, chartsFirst).map((series) => (
          <Chart key={series.name} series={series} marks={marks} zero={card.onset} span={span} />
        ))}
        {metrics.length <= chartsFirst ? undefined : (
          <details>
            <summary class="quiet">{counted(metrics.length - chartsFirst, "further measure")}</summary>
            {metrics.slice(chartsFirst, chartsMax).map((series) => (
              <Chart key={series.name} series={series} marks={marks} zero={card.onset} span={span} />
            ))}
          </details>
        )}
      </div>
    </Card>
  );
}

function Similar({ detail: { recalled } }: { detail: IncidentDetail }): JSX.Element {
  const none = recalled === undefined ? "Memory has not answered yet." : recalled.says;
  return (
    <Card title="Similar incidents" aside={<span class="quiet">{recalled?.matches.length ?? ""}</span>}>
      {recalled === undefined || recalled.matches.length === 0 ? <Empty says={none} /> : undefined}
      <ul class="rows">
        {recalled?.matches.map((match) => (
          <li key={match.incidentId}>
            <a href={`/incident/${encodeURIComponent(match.incidentId)}`}>
              <span class="top">
                <span class="name">{match.incidentId}</span>
                <span class="push">
                  <Pill tone="note">{share(match.similarity)} alike</Pill>
                </span>
              </span>
              <span class="quiet">{match.rootCause}</span>
              <span class="quiet small">
                {match.fixes.map(({ actionType, outcome }) => `${actionType}: ${outcome}`).join(", ")}
                {match.resolveMs === undefined ? "" : `, over after ${age(match.resolveMs)}`}
              </span>
            </a>
          </li>
        ))}
      </ul>
    </Card>
  );
}
