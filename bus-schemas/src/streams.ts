import type { Role } from "./define-event.ts";
import { subjects } from "./subjects.ts";

const second = 1_000_000_000;
const mebibyte = 1024 * 1024;

/**
 * The stream that is the truth. Every limit is written out: no age and no count limit, because history is the audit trail; a byte
 * limit with `discard: new`, because a full disk must refuse new actions and never drop old events.
 */
export const omegaStream = {
  name: "OMEGA",
  subjects: [subjects.everything],
  retention: "limits",
  storage: "file",
  discard: "new",
  maxAgeNs: 0,
  maxMessages: -1,
  maxMessagesPerSubject: -1,
  maxBytes: 2048 * mebibyte,
  maxMessageBytes: 1 * mebibyte,
  maxConsumers: 256,
  duplicateWindowNs: 120 * second,
  denyDelete: true,
  denyPurge: true,
  replicas: 1,
} as const;

export type StreamLimits = Omit<typeof omegaStream, "replicas" | "maxBytes"> & { replicas: number; maxBytes: number };

/** Leases live in a key-value bucket; a key's revision is the fencing token. */
export const leaseBucket = {
  name: "omega-leases",
  ttlMs: 4000,
  history: 1,
  maxBytes: 1 * mebibyte,
  replicas: 1,
} as const;

/**
 * The durable of each agent, made by whoever installs the bus: an agent has no right to make or delete one. `concurrency` 1 gives
 * strict stream order, which a decider that is replayed needs.
 */
export const workQueues = {
  // Recovery takes seconds to judge; another incident's diagnosis must not wait for it.
  scout: { durable: "scout-work", ackWaitMs: 10_000, concurrency: 16 },
  coordinator: { durable: "coordinator-work", ackWaitMs: 3000, concurrency: 1 },
  surgeon: { durable: "surgeon-work", ackWaitMs: 5000, concurrency: 32 },
  // Strict order: an incident is remembered before the next one asks.
  scribe: { durable: "scribe-work", ackWaitMs: 10_000, concurrency: 1 },
} as const satisfies Partial<Record<Role, { durable: string; ackWaitMs: number; concurrency: number }>>;
