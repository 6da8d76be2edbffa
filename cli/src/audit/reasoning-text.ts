import { printable, type Paint } from "@omega/shared/terminal.ts";
import type { Chapter, Claim, Support } from "@omega/shared/audit/reasoning.ts";

const evidenceShown = 4;
const changesShown = 12;

/** What an empty chapter says, where that is not simply nothing. */
const nothingIn: Readonly<Record<string, string>> = { "Who approved": "nobody answered, or had to" };

/** The reasoning as a person reads it. Each claim names its entry `#index` and the beginning of the entry's hash. */
export function reasoningText(chapters: readonly Chapter[], paint: Paint): string[] {
  return chapters.flatMap(({ title, claims }) => [
    "",
    paint("strong", title),
    ...(claims.length === 0
      ? [paint("dim", `  ${nothingIn[title] ?? "nothing"}`)]
      : claims.flatMap((claim) => claimText(claim, paint))),
  ]);
}

function claimText(claim: Claim, paint: Paint): string[] {
  const { says, by, index, leaf, evidence, detail, changes = [] } = claim;
  const more = evidence.length - evidenceShown;
  return [
    `  ${printable(says)}  ${paint("note", `#${index} ${leaf.slice(0, 12)}`)} ${paint("dim", by)}`,
    ...detail.map((text) => paint("dim", `      ${printable(text)}`)),
    ...changes.slice(0, changesShown).flatMap((change) => diffText(change, paint)),
    ...(evidence.length === 0 ? [paint("warn", "      NO EVIDENCE: only asserted")] : []),
    ...evidence.slice(0, evidenceShown).map((support) => paint("dim", `      ${supportText(support)}`)),
    ...(more > 0 ? [paint("dim", `      and ${more} more; --json has them all`)] : []),
  ];
}

function diffText({ object, path, before, after }: NonNullable<Claim["changes"]>[number], paint: Paint): string[] {
  const value = (sign: string, tone: "bad" | "good", of: unknown): string[] =>
    of === undefined
      ? []
      : [paint(tone, `      ${sign} ${printable(typeof of === "string" ? of : JSON.stringify(of), 160)}`)];
  return [
    paint("dim", `      ${printable(`${object} ${path}`, 160)}`),
    ...value("-", "bad", before),
    ...value("+", "good", after),
  ];
}

function supportText(support: Support): string {
  const hash = support.sha256.slice(0, 12);
  if (support.kind === "entry") return `evidence  #${support.index} ${hash}  ${printable(support.says, 160)}`;
  return `evidence  ${support.kind} ${printable(support.ref, 90)} sha256 ${hash}  ${printable(support.says, 160)}`;
}
