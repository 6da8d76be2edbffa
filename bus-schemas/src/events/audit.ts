import { z } from "zod";
import { defineEvent } from "../define-event.ts";
import { sha256Schema } from "../vocabulary.ts";

/** Why the audit log no longer vouches for the past, or takes nothing more. */
const alarmCodes = [
  /** Messages that were logged, or that stand before logged ones, are no longer in the stream. */
  "history_lost",
  /** Messages in the stream are not the bytes that were logged. */
  "history_differs",
  /** A witness has proof that this log is not what it was. */
  "witness_contradicts",
  /** The log's files do not fit together, or not to its key. */
  "log_damaged",
  /** The log can't be written at present, e.g. on a full disk. It ends by itself: the next checkpoint ends the alarm. */
  "log_unwritable",
] as const;

export const AuditCheckpointed = defineEvent({
  type: "audit.checkpointed",
  says: "Scribe's audit log holds everything up to a sequence of the stream, under a signed checkpoint.",
  scope: "audit",
  saidBy: ["scribe"],
  schema: z.strictObject({
    /** Name of the log and of its key. */
    origin: z.string().min(1).max(256),
    /** Entries of the log. */
    size: z.number().int().min(1),
    /** RFC 6962 root of these entries. */
    root: sha256Schema,
    /** Every message of the stream up to here is inside. */
    throughSeq: z.number().int().min(1),
    /** Witnesses that cosigned it. */
    cosignedBy: z.array(z.string().max(256)).max(64),
    /** The plans authorised since the last such event, whose intent is now on record; what strict mode waits for. */
    intents: z.array(z.strictObject({ incidentId: z.string().min(1), planHash: sha256Schema })).max(256),
  }),
  example: {
    origin: "omega/audit",
    size: 118,
    root: "5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592",
    throughSeq: 118,
    cosignedBy: ["witness.example/one"],
    intents: [
      {
        incidentId: "inc-20261124-1a2b3c",
        planHash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
      },
    ],
  },
});

export const AuditAlarmed = defineEvent({
  type: "audit.alarmed",
  says: "Recorded history was lost or differs, or nothing more can be recorded; Omega starts no action while that stands.",
  scope: "audit",
  saidBy: ["scribe"],
  schema: z.strictObject({
    code: z.enum(alarmCodes),
    says: z.string().min(1).max(1024),
    /** First and last stream sequence that it is about, and how many messages between them. */
    firstSeq: z.number().int().min(0).optional(),
    lastSeq: z.number().int().min(0).optional(),
    messages: z.number().int().min(0).optional(),
    /** False where the operator's config says that actions may go on. */
    stopsActions: z.boolean(),
  }),
  example: {
    code: "history_lost",
    says: "The stream no longer holds 12 logged messages, from sequence 107 to 118.",
    firstSeq: 107,
    lastSeq: 118,
    messages: 12,
    stopsActions: true,
  },
});

export const AuditAcknowledged = defineEvent({
  type: "audit.acknowledged",
  says: "A person knows of the alarm and lets Omega act again, with a reason.",
  scope: "audit",
  saidBy: ["operator"],
  personNeeds: "admin",
  schema: z.strictObject({
    alarmId: z.string().min(1).max(128),
    by: z.string().min(1).max(256),
    reason: z.string().min(1).max(1024),
  }),
  example: { alarmId: "evt-audit-alarmed", by: "ada@example.com", reason: "Restored from the backup of 03:00." },
});

export const AuditErased = defineEvent({
  type: "audit.erased",
  says: "A person erased the content behind an entry of the audit log; its salted hash and every proof remain.",
  scope: "audit",
  saidBy: ["operator"],
  personNeeds: "admin",
  schema: z.strictObject({
    origin: z.string().min(1).max(256),
    index: z.number().int().min(0),
    seq: z.number().int().min(1),
    /** The salted hash under which it was logged. */
    blob: sha256Schema,
    by: z.string().min(1).max(256),
    reason: z.string().min(1).max(1024),
  }),
  example: {
    origin: "omega/audit",
    index: 41,
    seq: 42,
    blob: "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    by: "ada@example.com",
    reason: "Erasure request 4711.",
  },
});
