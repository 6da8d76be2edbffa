import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { AuditPage as Page, AuditProof, AuditRow } from "../../../src/wire.ts";
import { read } from "../api.ts";
import { checkProof, type Check } from "../audit-check.ts";
import { Dialog } from "../parts/dialog.tsx";
import { Card, Empty, Pill } from "../parts/pieces.tsx";
import { now } from "../store.ts";
import { dateTime } from "../words.ts";

const rows = 100;
const pinned = "omega-log-key";

/** The tamper-evident log: browse, filter, check any entry here, take proof and export along. */
export function AuditPage(): JSX.Element {
  const [text, setText] = useState("");
  const [incident, setIncident] = useState("");
  const [before, setBefore] = useState<number>();
  const [page, setPage] = useState<Page>();
  const [trouble, setTrouble] = useState("");
  const [chosen, setChosen] = useState<AuditRow>();
  const query = new URLSearchParams({ text, incident, limit: String(rows) });
  const checkpoint = now.value?.audit?.size;
  useEffect(() => {
    const at = before === undefined ? "" : `&before=${before}`;
    const timer = setTimeout(() => {
      void read<Page>(`/api/audit?${query.toString()}${at}`).then((answer) => {
        if (answer.ok) setPage(answer.value);
        else setTrouble(answer.says);
      });
    }, 120);
    return () => clearTimeout(timer);
  }, [text, incident, before, checkpoint]);
  const last = page?.rows.at(-1)?.index;
  return (
    <>
      <div class="page-head">
        <h1>Audit</h1>
        <p class="line">
          {page?.log === undefined
            ? (page?.why ?? trouble)
            : `${page.log.origin}, ${page.log.size} entries under a signed checkpoint`}
        </p>
      </div>
      <div class="toolbar">
        <Filter id="audit-text" label="Type, key or words" value={text} onChange={setText} />
        <Filter id="audit-incident" label="Incident" value={incident} onChange={setIncident} />
        <a class="button" href={`/api/audit/export?${query.toString()}`} download="omega-audit.jsonl">
          Export what is shown
        </a>
      </div>
      <Card title="Entries" aside={<span class="quiet">{page === undefined ? "" : `${page.found} fit`}</span>}>
        {page?.rows.length === 0 ? (
          <Empty says="No entry to show." next={page.why ?? "Nothing in the log fits this filter."} />
        ) : (
          <Rows rows={page?.rows ?? []} onChoose={setChosen} />
        )}
      </Card>
      <div class="toolbar">
        {before === undefined ? undefined : (
          <button type="button" class="button" onClick={() => setBefore(undefined)}>
            Newest
          </button>
        )}
        {last === undefined || last === 0 || page?.rows.length !== rows ? undefined : (
          <button type="button" class="button" onClick={() => setBefore(last)}>
            Older
          </button>
        )}
      </div>
      {chosen === undefined ? undefined : <EntrySheet row={chosen} onClose={() => setChosen(undefined)} />}
    </>
  );
}

function Filter(props: { id: string; label: string; value: string; onChange: (text: string) => void }): JSX.Element {
  return (
    <div class="field">
      <label for={props.id}>{props.label}</label>
      <input
        id={props.id}
        class="input"
        type="search"
        value={props.value}
        onInput={({ currentTarget }) => props.onChange(currentTarget.value)}
      />
    </div>
  );
}

function Rows({
  rows: shown,
  onChoose,
}: {
  rows: readonly AuditRow[];
  onChoose: (row: AuditRow) => void;
}): JSX.Element {
  return (
    <table class="folding">
      <thead>
        <tr>
          <th scope="col">Entry</th>
          <th scope="col">Stored</th>
          <th scope="col">Type</th>
          <th scope="col">Says</th>
        </tr>
      </thead>
      <tbody>
        {shown.map((row) => (
          <tr key={row.index}>
            <td class="tabular">
              <button type="button" class="link" onClick={() => onChoose(row)}>
                {row.index}
              </button>
            </td>
            <td class="tabular quiet">{dateTime(row.storedAt)}</td>
            <td>
              <code>{row.type}</code>
            </td>
            <td class="says quiet">{row.says === "" ? row.incidentId : row.says}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function EntrySheet({ row, onClose }: { row: AuditRow; onClose: () => void }): JSX.Element {
  const [proof, setProof] = useState<AuditProof>();
  const [check, setCheck] = useState<Check>();
  useEffect(() => {
    void read<AuditProof>(`/api/audit/${row.index}`).then(async (answer) => {
      if (!answer.ok) {
        setCheck({ ok: false, says: answer.says });
        return;
      }
      setProof(answer.value);
      setCheck(await checkProof(answer.value));
    });
  }, [row.index]);
  const { verifier } = proof ?? {};
  return (
    <Dialog
      title={`Entry ${row.index}`}
      shape="sheet"
      onClose={onClose}
      footer={
        <>
          <a class="button" href={`/api/audit/${row.index}/proof`} download={`entry-${row.index}.tlog-proof`}>
            Download proof
          </a>
          <a class="button" href={`/api/audit/${row.index}/entry`} download={`entry-${row.index}.tlog-proof.entry`}>
            Download entry
          </a>
        </>
      }
    >
      <p role="status">
        {check === undefined ? (
          "Checking …"
        ) : (
          <Pill tone={check.ok ? "good" : "bad"}>{check.ok ? "verified" : "not verified"}</Pill>
        )}{" "}
        {check?.says}
      </p>
      {verifier === undefined ? undefined : <KeyWord name={verifier.name} publicKey={verifier.publicKey} />}
      <pre class="block card" tabIndex={0}>
        {proof === undefined ? "" : readable(proof.entry)}
      </pre>
      <p class="quiet">
        Without this page: <code>omega audit check-proof entry-{row.index}.tlog-proof</code>
      </p>
    </Dialog>
  );
}

/** A server could show another log under another key; this browser remembers the first key that it was shown. */
function KeyWord({ name, publicKey }: { name: string; publicKey: string }): JSX.Element {
  const known = localStorage.getItem(`${pinned} ${name}`);
  useEffect(() => {
    if (known === null) localStorage.setItem(`${pinned} ${name}`, publicKey);
  }, []);
  if (known !== null && known !== publicKey)
    return (
      <p class="bad" role="alert">
        The log's key is another one than this browser was shown before. Compare it with the one that you were given.
      </p>
    );
  return (
    <p class="quiet small">
      Key of {name}: <code>{publicKey}</code>
      {known === null ? ", seen for the first time by this browser." : ", the same as before."}
    </p>
  );
}

function readable(base64: string): string {
  const text = new TextDecoder().decode(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
  return JSON.stringify(JSON.parse(text), undefined, 2);
}
