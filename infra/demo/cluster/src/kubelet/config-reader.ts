import type { ApiClient, Answer } from "./api-client.ts";
import type { ConfigMap, Secret } from "./wire.ts";

/** A value, or in the kubelet's own words why a container cannot be configured. */
export type Found<T> = { ok: true; value: T } | { ok: false; message: string };

/** The content of one configmap or secret, by key. */
export type Entries = Map<string, Buffer>;

/** Reads the objects that containers take settings from, fresh at each container start. */
export class ConfigReader {
  readonly #client: ApiClient;

  constructor(client: ApiClient) {
    this.#client = client;
  }

  /** An absent optional object reads as empty. */
  async configMap(namespace: string, name: string, optional: boolean): Promise<Found<Entries>> {
    const answer = await this.#client.get<ConfigMap>(`/api/v1/namespaces/${namespace}/configmaps/${name}`);
    if (!answer.ok) return absent("configmap", name, optional, answer);
    const entries: Entries = new Map();
    for (const [key, text] of Object.entries(answer.value.data ?? {})) entries.set(key, Buffer.from(text));
    for (const [key, text] of Object.entries(answer.value.binaryData ?? {}))
      entries.set(key, Buffer.from(text, "base64"));
    return { ok: true, value: entries };
  }

  async secret(namespace: string, name: string, optional: boolean): Promise<Found<Entries>> {
    const answer = await this.#client.get<Secret>(`/api/v1/namespaces/${namespace}/secrets/${name}`);
    if (!answer.ok) return absent("secret", name, optional, answer);
    const entries: Entries = new Map();
    for (const [key, text] of Object.entries(answer.value.data ?? {})) entries.set(key, Buffer.from(text, "base64"));
    return { ok: true, value: entries };
  }
}

function absent(
  kind: string,
  name: string,
  optional: boolean,
  answer: Answer<unknown> & { ok: false },
): Found<Entries> {
  if (answer.status === 404) {
    return optional ? { ok: true, value: new Map() } : { ok: false, message: `${kind} "${name}" not found` };
  }
  return { ok: false, message: `failed to read ${kind} "${name}": ${answer.message}` };
}
