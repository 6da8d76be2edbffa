import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tokenFor } from "@omega/bus-schemas/subjects.ts";
import { fail, ok, reasonOf, type Outcome } from "@omega/shared/outcome.ts";
import type { Shelf } from "../ports.ts";

/** Post-mortems as files in one folder. A reader sees the old text or the new one, never a half. */
export class FolderShelf implements Shelf {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async put(incidentId: string, markdown: string): Promise<Outcome<string>> {
    // An incident id comes off the bus; as a subject token it can't leave the folder.
    const path = join(this.#folder, `${tokenFor(incidentId)}.md`);
    const draft = `${path}.${process.pid}.part`;
    try {
      await mkdir(this.#folder, { recursive: true });
      await writeFile(draft, markdown);
      await rename(draft, path);
      return ok(path);
    } catch (error) {
      return fail("retryable", "shelf_unwritable", `${path}: ${reasonOf(error)}`);
    }
  }
}
