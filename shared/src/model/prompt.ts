import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** The instructions of a task, from `shared/prompts/<id>.v<version>.md`. A changed text is a new version. */
export interface Prompt {
  readonly id: string;
  readonly version: number;
  readonly text: string;
  readonly sha256: string;
}

/** Throws where there is no such prompt: what names it is code. */
export function loadPrompt(id: string, version: number): Prompt {
  const text = readFileSync(new URL(`../../prompts/${id}.v${version}.md`, import.meta.url), "utf8");
  return { id, version, text, sha256: createHash("sha256").update(text).digest("hex") };
}
