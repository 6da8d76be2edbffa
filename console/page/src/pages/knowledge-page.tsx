import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Knowledge, MemoryCard } from "../../../src/wire.ts";
import { read } from "../api.ts";
import { Card, Empty, Pill } from "../parts/pieces.tsx";
import { now } from "../store.ts";
import { age, counted, dateTime } from "../words.ts";

/** What Omega has learned: finished incidents that memory recalls from, and the documents it wrote. */
export function KnowledgePage(): JSX.Element {
  const [knowledge, setKnowledge] = useState<Knowledge>();
  const [trouble, setTrouble] = useState("");
  const [text, setText] = useState("");
  useEffect(() => {
    void read<Knowledge>("/api/knowledge").then((answer) =>
      answer.ok ? setKnowledge(answer.value) : setTrouble(answer.says),
    );
  }, [now.value?.incidents.filter(({ status }) => status === "resolved").length]);
  const wanted = text.toLowerCase();
  const memories = (knowledge?.memories ?? []).filter(({ service, operation, rootCause }) =>
    `${service} ${operation} ${rootCause}`.toLowerCase().includes(wanted),
  );
  return (
    <>
      <div class="page-head">
        <h1>Knowledge</h1>
        <p class="line">{trouble === "" ? "What finished incidents taught, as memory recalls it" : trouble}</p>
      </div>
      <div class="toolbar">
        <div class="field">
          <label for="memory-text">Service, operation or cause</label>
          <input
            id="memory-text"
            class="input"
            type="search"
            value={text}
            onInput={({ currentTarget }) => setText(currentTarget.value)}
          />
        </div>
      </div>
      <div class="columns">
        <Memories memories={memories} />
        <Card title="Documents" aside={<span class="quiet">{knowledge?.documents.length ?? ""}</span>}>
          {knowledge?.documents.length === 0 ? (
            <Empty says="No document is indexed." next="Post-mortems are, as Scribe writes them." />
          ) : undefined}
          <ul class="rows">
            {knowledge?.documents.map(({ title, at, incidentId }) => (
              <li>
                <a href={incidentId === undefined ? "/knowledge" : `/incident/${encodeURIComponent(incidentId)}`}>
                  <span class="name">{title}</span>
                  <span class="quiet small">{dateTime(at)}</span>
                </a>
              </li>
            ))}
          </ul>
        </Card>
      </div>
    </>
  );
}

function Memories({ memories }: { memories: readonly MemoryCard[] }): JSX.Element {
  return (
    <Card title="Incident memory" aside={<span class="quiet">{memories.length}</span>}>
      {memories.length === 0 ? (
        <Empty says="Nothing is remembered yet." next="Each finished incident is, with its cause and what fixed it." />
      ) : undefined}
      <ul class="rows">
        {memories.map((memory) => (
          <li key={memory.incidentId}>
            <a href={`/incident/${encodeURIComponent(memory.incidentId)}`}>
              <span class="top">
                <span class="name">
                  {memory.service} {memory.operation}
                </span>
                <span class="push">
                  <Pill tone={memory.recalledTimes > 0 ? "note" : "plain"}>
                    recalled {counted(memory.recalledTimes, "time")}
                  </Pill>
                </span>
              </span>
              <span class="quiet">{memory.rootCause}</span>
              <span class="quiet small">
                {memory.fixes
                  .map(({ actionType, target, outcome }) => `${actionType} on ${target}: ${outcome}`)
                  .join(", ") || "no repair"}
                , over after {age(memory.resolveMs)}, {dateTime(memory.at)}
              </span>
            </a>
          </li>
        ))}
      </ul>
    </Card>
  );
}
