import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { EventDetail } from "../../../src/wire.ts";
import { read, type Answer } from "../api.ts";
import { dateTime } from "../words.ts";
import { Dialog } from "./dialog.tsx";

/** One event whole, as it stands on the stream: the end of every chain of evidence. */
export function EventSheet({ seq, onClose }: { seq: number; onClose: () => void }): JSX.Element {
  const [answer, setAnswer] = useState<Answer<EventDetail>>();
  useEffect(() => {
    void read<EventDetail>(`/api/events/${seq}`).then(setAnswer);
  }, [seq]);
  return (
    <Dialog title={`Event ${seq}`} shape="sheet" onClose={onClose}>
      {answer === undefined ? (
        <p class="quiet">Loading …</p>
      ) : answer.ok ? (
        <Whole detail={answer.value} />
      ) : (
        <p>{answer.says}</p>
      )}
    </Dialog>
  );
}

function Whole({ detail }: { detail: EventDetail }): JSX.Element {
  const { event, storedAt } = detail;
  return (
    <>
      <dl class="facts">
        <dt>Type</dt>
        <dd>
          <code>{event.type}</code>
        </dd>
        <dt>Stored</dt>
        <dd>{dateTime(storedAt)}</dd>
        <dt>Said by</dt>
        <dd>
          <code>{event.source}</code>
        </dd>
        <dt>Signed with</dt>
        <dd>
          <code>{event.keyid}</code>
        </dd>
        {event.causationid === undefined ? undefined : (
          <>
            <dt>Because of</dt>
            <dd>
              <code>{event.causationid}</code>
            </dd>
          </>
        )}
      </dl>
      <pre class="block card" tabIndex={0}>
        {JSON.stringify(event.data, undefined, 2)}
      </pre>
    </>
  );
}
