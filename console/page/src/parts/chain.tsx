import type { JSX } from "preact";
import type { Claim, Chapter, Support } from "@omega/shared/audit/reasoning.ts";

/** Of much evidence the first stands there, the rest is a click away. */
const evidenceFirst = 4;

/** What was seen, concluded, weighed, allowed and done, each with what it rests on. A claim without evidence is marked as one. */
export function Chain({
  chapters,
  onOpen,
}: {
  chapters: readonly Chapter[];
  onOpen: (seq: number) => void;
}): JSX.Element {
  const told = chapters.filter(({ claims }) => claims.length > 0);
  if (told.length === 0) return <p class="quiet">Nothing was concluded yet.</p>;
  return (
    <ol class="chain">
      {told.map(({ title, claims }) => (
        <li key={title}>
          <h3>{title}</h3>
          {claims.map((claim) => (
            <Said claim={claim} onOpen={onOpen} />
          ))}
        </li>
      ))}
    </ol>
  );
}

function Said({ claim, onOpen }: { claim: Claim; onOpen: (seq: number) => void }): JSX.Element {
  return (
    <div class={`claim ${claim.evidence.length === 0 ? "asserted" : ""}`}>
      <p>{claim.says}</p>
      {claim.detail.map((text) => (
        <p class="quiet small">{text}</p>
      ))}
      <div class="evidence">
        <button
          type="button"
          class="chip"
          onClick={() => onOpen(claim.index)}
          title={`said by ${claim.by}, sha256 ${claim.leaf}`}
        >
          event {claim.index}
        </button>
        {claim.evidence.length === 0 ? <span class="chip warn">asserted without evidence</span> : undefined}
        {claim.evidence.slice(0, evidenceFirst).map((support) => (
          <Evidence support={support} onOpen={onOpen} own={claim.index} />
        ))}
        {claim.evidence.length <= evidenceFirst ? undefined : (
          <details>
            <summary class="quiet small">{claim.evidence.length - evidenceFirst} more</summary>
            <div class="evidence">
              {claim.evidence.slice(evidenceFirst).map((support) => (
                <Evidence support={support} onOpen={onOpen} own={claim.index} />
              ))}
            </div>
          </details>
        )}
      </div>
    </div>
  );
}

function Evidence(props: { support: Support; onOpen: (seq: number) => void; own: number }): JSX.Element {
  const { support, onOpen, own } = props;
  if (support.kind === "entry") {
    return (
      <button type="button" class="chip" onClick={() => onOpen(support.index)} title={`sha256 ${support.sha256}`}>
        {support.says}: event {support.index}
      </button>
    );
  }
  // What lies outside of the stream is named in the event that the claim was made in, which holds its reference whole.
  return (
    <button type="button" class="chip" onClick={() => onOpen(own)} title={`${support.ref}, sha256 ${support.sha256}`}>
      {support.kind}: {support.says}
    </button>
  );
}
