import { leaseBucket } from "@omega/bus-schemas/streams.ts";
import { subjectFor } from "@omega/bus-schemas/subjects.ts";
import type { Bus, StoredMessage } from "@omega/shared/bus.ts";
import type { Clock } from "@omega/shared/clock.ts";
import { openEvent } from "@omega/shared/event-codec.ts";
import { leadOnce } from "@omega/shared/lease.ts";
import type { Log as Logger } from "@omega/shared/log.ts";
import { fail, ok, reasonOf, type Outcome } from "@omega/shared/outcome.ts";
import type { Keyring } from "@omega/shared/signing.ts";
import { FolderBlobStore, type BlobStore } from "@omega/tlog/blob-store.ts";
import { DiskFiles } from "@omega/tlog/files.ts";
import type { Log } from "@omega/tlog/log.ts";
import type { NoteSigner } from "@omega/tlog/note-key.ts";
import { openLog } from "@omega/tlog/open-log.ts";
import { Alarms } from "./alarms.ts";
import type { AuditConfig } from "./config.ts";
import { comparePast } from "./past.ts";
import { Sequencer } from "./sequencer.ts";
import type { Speaker } from "./speaker.ts";
import { storedHistory } from "./stored-history.ts";
import type { Witnesses } from "./witnesses.ts";

export interface AuditSurroundings {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly keyring: Keyring;
  readonly instance: string;
  readonly config: AuditConfig;
  readonly signer: NoteSigner;
  readonly witnesses: Witnesses;
  readonly say: Speaker;
}

/** Of all Scribes on a bus, the holder of this lease writes the log. */
const leaseKey = "scribe.audit";
const pauseMs = 2000;
const alarmSubject = subjectFor({ type: "audit.alarmed", data: {} });

/**
 * Keeps the audit log of the stream until the signal aborts: takes the lease, opens the log, compares all of it with the stream, and
 * appends what follows. The lease keeps a second writer away; that two can't sign two histories is the log's own compare-and-set, which
 * holds also when a lease expired under a writer that was only slow.
 */
export async function keepAuditLog(around: AuditSurroundings, signal: AbortSignal): Promise<void> {
  const { bus, clock, logger, instance, config, signer, say } = around;
  const alarms = new Alarms({
    origin: signer.verifier.name,
    stopsActions: config.onLostHistory === "refuse",
    say,
    logger,
  });
  while (!signal.aborted) {
    const leadership = await leadOnce(bus.leases(), {
      key: leaseKey,
      holder: instance,
      ttlMs: leaseBucket.ttlMs,
      clock,
      signal,
      onTrouble: (reason) => logger.warn({ reason }, "the lease store did not answer"),
    });
    if (leadership === undefined) return;
    const term = AbortSignal.any([signal, leadership.lost]);
    const ended = await serveTerm(around, alarms, term).catch((error: unknown) =>
      // The bus's reader throws when the server is gone for good; whatever it was, the log is opened and compared anew.
      fail("retryable", "audit_interrupted", reasonOf(error)),
    );
    await leadership.release();
    if (ended.ok) continue;
    if (ended.failure.code === "reconnected") {
      logger.info({ failure: ended.failure }, "the audit log is compared again");
      continue;
    }
    logger.error({ failure: ended.failure }, "the audit log stopped and starts anew");
    await alarms.flush();
    await clock.sleep(pauseMs, signal);
  }
}

async function serveTerm(around: AuditSurroundings, alarms: Alarms, term: AbortSignal): Promise<Outcome<void>> {
  const opened = await openOwn(around, term);
  if (!opened.ok) {
    const { code, message } = opened.failure;
    if (code === "damaged" || code === "wrong_key") await alarms.raise("log_damaged", message);
    else if (code !== "locked") await alarms.raise("log_unwritable", message);
    return opened;
  }
  const log = opened.value;
  try {
    const blobs = await openBlobs(around.config.blobs);
    const reconnections = around.bus.reconnections();
    const resumeSeq = await lookBack(around, alarms, { log, blobs }, term);
    if (resumeSeq === undefined) return ok();
    around.logger.info({ size: log.size, resumeSeq, folder: around.config.folder }, "keeping the audit log");
    const { signer, ...rest } = around;
    const sequencer = new Sequencer(
      { ...rest, verifier: signer.verifier, log, blobs, alarms },
      { resumeSeq, reconnections },
    );
    return await sequencer.follow(term);
  } finally {
    await log.close();
  }
}

/** The lock of a writer whose lease ran out is waited for, and then taken: the lease says that it is ours to take. */
async function openOwn({ config, signer, clock }: AuditSurroundings, term: AbortSignal): Promise<Outcome<Log>> {
  const files = new DiskFiles(config.folder);
  const opened = await openLog({ files, signer });
  if (opened.ok || opened.failure.code !== "locked") return opened;
  await clock.sleep(leaseBucket.ttlMs, term);
  return term.aborted ? opened : await openLog({ files, signer, takeOver: true });
}

async function openBlobs(folder: string): Promise<BlobStore> {
  const files = new DiskFiles(folder);
  await files.makeFolder(".");
  return new FolderBlobStore(files);
}

/** Compares what is logged with what the stream holds; gives the sequence at which to go on, nothing when the term ended meanwhile. */
async function lookBack(
  { bus, clock, keyring }: AuditSurroundings,
  alarms: Alarms,
  { log, blobs }: { log: Log; blobs: BlobStore },
  term: AbortSignal,
): Promise<number | undefined> {
  const noting = async function* (messages: AsyncIterable<StoredMessage>): AsyncGenerator<StoredMessage> {
    for await (const message of messages) {
      if (message.subject === alarmSubject) {
        const alarm = openEvent(message.body, message.subject, keyring, message.storedAt);
        if (alarm.ok) alarms.known(alarm.value.id);
      }
      yield message;
    }
  };
  const stored = storedHistory(bus, await bus.lastSeq(), clock, term);
  const found = await comparePast((from) => log.entries(from), noting(stored), blobs);
  if (term.aborted) return undefined;
  await alarms.found(found);
  return found.resumeSeq;
}
