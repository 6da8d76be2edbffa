import { isDeepStrictEqual } from "node:util";
import type { JsonObject } from "../../../agents/surgeon/src/kubernetes/json-pointer.ts";
import { worldOf, type ActionCase } from "../../conformance/actions/action-case.ts";
import { cases } from "../../conformance/actions/cases/cases.ts";
import { namespace, type Cluster } from "../../conformance/actions/cluster.ts";
import type { SshPlace, SshWorld } from "../../conformance/remote-actions/ssh-world.ts";
import { flags } from "../../conformance/remote-actions/webhook-servers.ts";

/** What somebody else does to a target, after Omega's process died and before anything is taken back. */
export const foreigners = ["nothing", "same field", "other field", "deleted", "recreated"] as const;
export type Foreign = (typeof foreigners)[number];

/** A target as it is: what the action could change, and what else somebody could. */
export interface World {
  readonly own: unknown;
  readonly beside: unknown;
}

/** A fresh target, with the parameters of an action that changes it. */
export interface Place {
  readonly kind: string;
  readonly actionType: string;
  readonly params: JsonObject;
  /** Where calls for it arrive: the path of an API's object, or the file in which a host's command notes when it ran. */
  readonly address: string | undefined;
  world(): Promise<World>;
  /** What a stranger can do to it; what is not there can't be done, for the field has no third value. */
  readonly strangers: Readonly<Partial<Record<Exclude<Foreign, "nothing">, () => Promise<void>>>>;
  /** Whether its system knows a thing that was deleted from one that was changed; a host tells what its commands say. */
  readonly seesDeletion: boolean;
  /** Whether its instances are as it says. */
  ended(): Promise<boolean>;
}

/** One way to make places: every reversible action has at least one. */
export interface Kind {
  readonly kind: string;
  readonly actionType: string;
  readonly system: "kubernetes" | "ssh" | "webhook";
  readonly foreigners: readonly Foreign[];
  /** Its parameters hold for one change: they name a revision, whose number moves with each rollout. */
  readonly once: boolean;
  arrange(): Promise<Place>;
}

/** A few at a time need no more of them; each new one has its own target. */
let made = 0;

export function kubernetesKinds(cluster: Cluster): Kind[] {
  const seen = new Map<string, number>();
  return cases
    .filter(({ irreversible }) => irreversible !== true)
    .map((example) => {
      const count = (seen.get(example.type) ?? 0) + 1;
      seen.set(example.type, count);
      const kind = count === 1 ? example.type : `${example.type} ${count}`;
      return {
        kind,
        actionType: example.type,
        system: "kubernetes",
        foreigners: foreigners.filter((foreign) => foreign !== "same field" || example.twoValued !== true),
        once: example.type === "k8s.rollout-undo",
        arrange: () => kubernetesPlace(kind, example, cluster),
      };
    });
}

const note = "by-hand";

async function kubernetesPlace(kind: string, example: ActionCase, cluster: Cluster): Promise<Place> {
  made += 1;
  const name = `u${process.pid}-${made}`;
  const params = await example.arrange(cluster, name);
  const path = example.object(name);
  const remove = (): Promise<void> => cluster.delete(path);
  return {
    kind,
    actionType: example.type,
    params,
    address: path,
    async world() {
      const own = await worldOf(cluster, example, name);
      // Where controllers annotate as they see fit, the note is looked at by itself.
      const object = await cluster.find<{ metadata: { annotations?: Record<string, string> } }>(path);
      const annotations = (own["metadata"] as { annotations?: Record<string, string> } | undefined)?.annotations;
      if (annotations !== undefined) delete annotations[note];
      return { own, beside: object?.metadata.annotations?.[note] };
    },
    strangers: {
      ...(example.twoValued === true ? {} : { "same field": () => example.foreignChange(cluster, name) }),
      "other field": () => cluster.patch(path, { metadata: { annotations: { [note]: "kept" } } }, "merge-patch"),
      deleted: remove,
      async recreated() {
        await remove();
        await example.arrange(cluster, name);
      },
    },
    seesDeletion: true,
    ended: async () => (await example.ended?.(cluster, name)) ?? true,
  };
}

/** What Surgeon's configuration must hold for the places on hosts and behind HTTP. */
export class RemoteTargets {
  readonly #world: SshWorld;
  readonly #templates: Record<string, Record<string, unknown>> = {};
  readonly #stores: ReturnType<typeof flags>[] = [];

  constructor(world: SshWorld) {
    this.#world = world;
  }

  kinds(): Kind[] {
    const ssh = (kind: string, actionType: string, make: () => SshPlace, settable = true): Kind => ({
      kind,
      actionType,
      system: "ssh",
      foreigners: foreigners.filter((foreign) => settable || foreign !== "same field"),
      once: false,
      arrange: () => Promise.resolve(this.#onHost(kind, actionType, make(), settable)),
    });
    const flag = (kind: string, etags: boolean): Kind => ({
      kind,
      actionType: "webhook.feature-flag",
      system: "webhook",
      foreigners,
      once: false,
      arrange: () => this.#flag(kind, etags),
    });
    return [
      ssh("ssh.run-template", "ssh.run-template", () => this.#world.command()),
      ssh("ssh.free-disk", "ssh.free-disk", () => this.#world.disk()),
      ssh("ssh.restart-service", "ssh.restart-service", () => this.#world.service(true)),
      // Whoever starts a stopped service did what the action would have done.
      ssh("ssh.restart-service 2", "ssh.restart-service", () => this.#world.service(false), false),
      flag("webhook.feature-flag", true),
      flag("webhook.feature-flag 2", false),
    ];
  }

  config(): { ssh: object; webhooks: object } {
    const targets = this.#stores.map(({ server, flags: kept }, index) => [
      targetOf(index),
      {
        kind: "feature-flag",
        url: server.url,
        allowHttp: true,
        allowAddresses: ["127.0.0.0/8"],
        path: "/api/flags/{flag}",
        flags: [...kept.keys()],
        method: index === 0 ? "PUT" : "PATCH",
      },
    ]);
    return { ssh: this.#world.config(this.#templates), webhooks: { targets: Object.fromEntries(targets) } };
  }

  /** When which path of the stores was called to change something. */
  changes(): { path: string; at: number }[] {
    return this.#stores.flatMap(({ server }) => server.received.filter(({ method }) => method !== "GET"));
  }

  /** Two stores serve all flags: one with ETags, one without. */
  async open(): Promise<void> {
    for (const etags of [true, false]) {
      const store = flags({ etags });
      await store.server.listen();
      this.#stores.push(store);
    }
  }

  async close(): Promise<void> {
    for (const { server } of this.#stores) await server.close();
    this.#world.close();
  }

  #onHost(kind: string, actionType: string, place: SshPlace, settable: boolean): Place {
    for (const [part, entries] of Object.entries(place.templates)) {
      this.#templates[part] = { ...this.#templates[part], ...entries };
    }
    const now = (work: () => void) => (): Promise<void> => {
      work();
      return Promise.resolve();
    };
    return {
      kind,
      actionType,
      params: place.params,
      address: place.ranAt,
      world: async () => ({ own: await place.world(), beside: place.beside() }),
      strangers: {
        ...(settable ? { "same field": () => place.foreignChange() } : {}),
        "other field": now(place.otherChange),
        deleted: now(place.remove),
        recreated: now(place.recreate),
      },
      seesDeletion: false,
      ended: () => Promise.resolve(true),
    };
  }

  #flag(kind: string, etags: boolean): Promise<Place> {
    made += 1;
    const name = `flag-${made}`;
    const index = etags ? 0 : 1;
    const store = this.#stores[index]?.flags;
    if (store === undefined) throw new Error("open() comes first");
    const arrange = (): void => void store.set(name, { enabled: true, note: "", version: 1 });
    const set = (change: object) => (): Promise<void> => {
      const flag = store.get(name);
      if (flag !== undefined) Object.assign(flag, change, { version: flag.version + 1 });
      return Promise.resolve();
    };
    arrange();
    return Promise.resolve({
      kind,
      actionType: "webhook.feature-flag",
      params: { target: targetOf(index), flag: name, value: false },
      address: `/api/flags/${name}`,
      world: () => Promise.resolve({ own: store.get(name)?.enabled, beside: store.get(name)?.note }),
      strangers: {
        "same field": set({ enabled: "for-some" }),
        "other field": set({ note: "kept" }),
        deleted: () => Promise.resolve(void store.delete(name)),
        recreated: () => Promise.resolve(arrange()),
      },
      seesDeletion: true,
      ended: () => Promise.resolve(true),
    });
  }
}

const targetOf = (index: number): string => `flags-${index + 1}`;

export const allowedNamespaces = { allow: [namespace], protect: [] };

export function isSameWorld(one: World, other: World): boolean {
  return isDeepStrictEqual(one, other);
}
