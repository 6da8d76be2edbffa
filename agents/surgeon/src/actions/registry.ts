import { readdirSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { join } from "node:path";
import type { Action } from "@omega/shared/action.ts";
import type { Clients } from "../ports.ts";

/** An action whose parameters and plan are known to its own schemas only: parse before you call. */
export type AnyAction = Action<unknown, unknown, Clients>;
export type Registry = ReadonlyMap<string, AnyAction>;

const ownFolder = fileURLToPath(new URL(".", import.meta.url));

/**
 * Loads every folder beside this file (or in `folder`) as an action: its `action.ts` exports `action`. Throws when a folder's name is
 * not its action's type, or when it holds none: a wrong catalogue must not start.
 */
export async function loadActions(folder: string = ownFolder): Promise<Registry> {
  const actions = new Map<string, AnyAction>();
  const entries = readdirSync(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  for (const name of names.toSorted()) {
    const path = join(folder, name, "action.ts");
    const module = (await import(pathToFileURL(path).href)) as { action?: AnyAction };
    if (module.action === undefined) throw new Error(`${path} exports no 'action'`);
    if (module.action.type !== name) {
      throw new Error(`${path} holds the action '${module.action.type}'; its folder must have that name`);
    }
    actions.set(name, module.action);
  }
  return actions;
}
