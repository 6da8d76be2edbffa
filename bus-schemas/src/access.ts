import { catalogue } from "./catalogue.ts";
import { roles } from "./define-event.ts";
import { leaseBucket, omegaStream, workQueues } from "./streams.ts";
import { subjects, sayingPattern } from "./subjects.ts";

/** Who may connect to the bus: each process, a person's tools, whoever installs the stream, and who may only look. */
export const busUsers = [...roles, "console", "installer", "viewer"] as const;
export type BusUser = (typeof busUsers)[number];

/** Permissions in the terms of nats-server: a subject is permitted when an `allow` matches and no `deny` does. */
export interface BusPermissions {
  readonly publish: { readonly allow: readonly string[]; readonly deny: readonly string[] };
  readonly subscribe: { readonly allow: readonly string[] };
}

const stream = omegaStream.name;
const leases = `KV_${leaseBucket.name}`;
const durables = Object.values(workQueues).map(({ durable }) => durable);

/** Replies come here and nowhere else, so that nobody reads another's. Who only looks uses what plain clients use. */
export function inboxPrefixOf(user: BusUser): string {
  return user === "viewer" ? "_INBOX" : `_INBOX_${user}`;
}

/** The environment variable in which a fleet's nats-server finds a user's public nkey. */
export function nkeyVariable(user: BusUser): string {
  return `OMEGA_NKEY_${user.toUpperCase()}`;
}

/**
 * What a user of the bus may do, from the catalogue: publish what it may say, read the stream, work on its own durable, hold a lease.
 * Nobody but the installer makes or copies a stream, or makes a durable, and nobody at all changes, deletes or purges a stream. Works
 * on nats-server 2.9 and later.
 */
export function permissionsOf(user: BusUser): BusPermissions {
  const inbox = `${inboxPrefixOf(user)}.>`;
  if (user === "installer") return { publish: { allow: installing, deny: [] }, subscribe: { allow: [inbox] } };
  const queue = queueOf(user);
  return {
    publish: {
      allow: [
        ...sayings(user),
        ...reading,
        ...tidyingOrListing(user),
        ...(queue === undefined ? [] : [...working(queue), ...leading(user)]),
      ],
      // Readers have names of chance, so all of them are allowed and the durables of others are not: nobody takes another's work.
      deny: durables.flatMap((durable) => (durable === queue ? makingAndDeleting(durable) : touching(durable))),
    },
    subscribe: { allow: [inbox, subjects.everything] },
  };
}

function sayings(user: Exclude<BusUser, "installer">): string[] {
  if (user === "viewer") return [];
  // The console speaks for the persons who are signed in to it.
  const role = user === "console" ? "operator" : user;
  const said = catalogue.filter(({ saidBy }) => saidBy.includes(role));
  return [...new Set(said.map((event) => sayingPattern(event, role)))].sort();
}

function queueOf(user: BusUser): string | undefined {
  return Object.entries(workQueues).find(([role]) => role === user)?.[1].durable;
}

const reading = [
  "$JS.API.INFO",
  `$JS.API.STREAM.INFO.${stream}`,
  `$JS.API.STREAM.INFO.${leases}`,
  "$JS.API.STREAM.NAMES",
  "$JS.API.STREAM.LIST",
  `$JS.API.STREAM.MSG.GET.${stream}`,
  `$JS.API.STREAM.MSG.GET.${leases}`,
  `$JS.API.DIRECT.GET.${leases}.>`,
  ...[stream, leases].flatMap((name) => [
    `$JS.API.CONSUMER.CREATE.${name}.>`,
    `$JS.API.CONSUMER.INFO.${name}.*`,
    `$JS.API.CONSUMER.MSG.NEXT.${name}.*`,
  ]),
];

/** Who may list the readers can't delete them, and who may delete them knows only the names of its own. */
function tidyingOrListing(user: BusUser): string[] {
  if (user === "viewer") return [`$JS.API.CONSUMER.NAMES.${stream}`, `$JS.API.CONSUMER.LIST.${stream}`];
  return [stream, leases].map((name) => `$JS.API.CONSUMER.DELETE.${name}.*`);
}

function working(durable: string): string[] {
  return [`$JS.ACK.${stream}.${durable}.>`, `$JS.ACK.*.*.${stream}.${durable}.>`];
}

/** Its own lease and those of its parts, such as `scribe.audit`. */
function leading(user: BusUser): string[] {
  return [`$KV.${leaseBucket.name}.${user}`, `$KV.${leaseBucket.name}.${user}.>`];
}

function makingAndDeleting(durable: string): string[] {
  return [
    `$JS.API.CONSUMER.CREATE.${stream}.${durable}`,
    `$JS.API.CONSUMER.CREATE.${stream}.${durable}.>`,
    `$JS.API.CONSUMER.DELETE.${stream}.${durable}`,
  ];
}

function touching(durable: string): string[] {
  return [...makingAndDeleting(durable), `$JS.API.CONSUMER.MSG.NEXT.${stream}.${durable}`];
}

/** A copy of the stream for bad days: who may read all of it may as well have it in one piece. */
const copying = [`$JS.API.STREAM.SNAPSHOT.${stream}`, `$JS.SNAPSHOT.ACK.${stream}.*`];

const installing = [
  "$JS.API.INFO",
  ...copying,
  ...[stream, leases].flatMap((name) => [`$JS.API.STREAM.CREATE.${name}`, `$JS.API.STREAM.INFO.${name}`]),
  ...durables.flatMap((durable) => [
    `$JS.API.CONSUMER.INFO.${stream}.${durable}`,
    `$JS.API.CONSUMER.CREATE.${stream}.${durable}`,
    // nats-server takes a consumer without a filter here too, and clients before 2.9 asked so.
    `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.${durable}`,
  ]),
];
