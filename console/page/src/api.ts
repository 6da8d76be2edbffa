import type { ActAnswer, Refusal } from "../../src/wire.ts";

/** What the server answered, or why there is no answer. `status` 0: it could not be reached. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly status: number; readonly says: string };

export async function read<T>(path: string): Promise<Answer<T>> {
  return await ask<T>(path, {});
}

/** What a person does. The server looks at role, plan and Origin again whatever the page showed. */
export async function act(what: object): Promise<ActAnswer> {
  const answer = await write<ActAnswer>("/api/acts", what);
  return answer.ok ? answer.value : { ok: false, code: "no_answer", says: answer.says };
}

export async function write<T>(path: string, body: object): Promise<Answer<T>> {
  return await ask<T>(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

async function ask<T>(path: string, init: RequestInit): Promise<Answer<T>> {
  try {
    const response = await fetch(path, init);
    // The server's answers have the shapes of wire.ts, which both sides are checked against.
    const json = (await response.json()) as T | Refusal;
    if (response.ok) return { ok: true, value: json as T };
    return { ok: false, status: response.status, says: (json as Refusal).says };
  } catch {
    return { ok: false, status: 0, says: "The console's server does not answer." };
  }
}
