import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { installBus, NatsBus } from "@omega/shared/nats-bus.ts";
import { findNatsServer, startNatsServer, type NatsServerProgram } from "@omega/shared/nats-server.ts";
import { DiskReader } from "@omega/tlog/disk-reader.ts";
import { encodeUtf8 } from "@omega/tlog/encoding.ts";
import type { Log } from "@omega/tlog/log.ts";
import { generateKey, type NoteSigner, parseSignerKey } from "@omega/tlog/note-key.ts";
import { openLogFolder } from "@omega/tlog/open-log.ts";
import { formatProof, parseProof, proveEntry, verifyProof } from "@omega/tlog/proof.ts";
import { verifyLog } from "@omega/tlog/verify.ts";
import type { BenchResult, Report } from "./contract.ts";

export const about =
  "audit entries appended durably a second, as a ratio to bare file append and fsync of the same batches";

const batchEntries = 256;
const batches = 40;
const entryBytes = 600;
const verifiedEntries = 100_000;
const provenEntries = 1_000_000;
const proofs = 200;

function newSigner(): NoteSigner {
  const key = generateKey("bench.example/log", "log");
  const signer = key.ok ? parseSignerKey(key.value.skey, () => 0) : key;
  if (!signer.ok) throw new Error(signer.reason);
  return signer.value;
}

/** An entry of about the size of an event envelope, different for each index. */
function entryAt(index: number): Uint8Array {
  return encodeUtf8(`{"index":${index},"event":"${"x".repeat(entryBytes - 20 - String(index).length)}"}`);
}

function entriesFrom(first: number, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, at) => entryAt(first + at));
}

async function openedLog(folder: string, signer: NoteSigner): Promise<Log> {
  const opened = await openLogFolder(folder, signer);
  if (!opened.ok) throw new Error(opened.failure.message);
  return opened.value;
}

/** Milliseconds for each batch of `count` entries appended to the log. */
async function timeLog(log: Log, count: number, rounds: number): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const entries = entriesFrom(log.size, count);
    const start = performance.now();
    const appended = await log.append(entries);
    if (!appended.ok) throw new Error(appended.failure.message);
    times.push(performance.now() - start);
  }
  return times;
}

/** The same entries written to the end of one file, which is synced after each batch. */
async function timeFile(path: string, count: number, rounds: number): Promise<number[]> {
  const file = await open(path, "a");
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const entries = entriesFrom(round * count, count);
    const start = performance.now();
    await file.write(Buffer.concat(entries));
    await file.sync();
    times.push(performance.now() - start);
  }
  await file.close();
  return times;
}

/** A server that can sync each write, as the log does, where there is one: the usual one, else one of OMEGA_TEST_NATS_SERVERS. */
function syncingProgram(): NatsServerProgram | undefined {
  const named = (process.env["OMEGA_TEST_NATS_SERVERS"] ?? "").split(delimiter).filter((path) => path !== "");
  return [findNatsServer(), ...named.map((path) => findNatsServer({ OMEGA_NATS_SERVER: path }))]
    .flatMap((found) => (found.ok ? [found.value] : []))
    .find(({ version }) => !version.startsWith("2.9."));
}

/**
 * The same entries published to a bare JetStream stream, a batch at a time as the log takes it. `synced` says whether the server syncs each
 * write, as the log does; before 2.10 it can't, and the ratio flatters the stream.
 */
async function timeStream(folder: string, count: number, rounds: number): Promise<{ times: number[]; synced: string }> {
  const program = syncingProgram();
  const server = await startNatsServer({ storeDir: folder, ...(program === undefined ? {} : { program }) });
  const installed = await installBus({ servers: [server.url], name: "bench" });
  const bus = await NatsBus.connect({ servers: [server.url], name: "bench" });
  if (!installed.ok || !bus.ok) throw new Error("the bench's own bus did not come up");
  const times: number[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      const entries = entriesFrom(round * count, count);
      const start = performance.now();
      const published = await Promise.all(
        entries.map((body, at) =>
          bus.value.publish({ id: `${count} ${round} ${at}`, subject: "omega.bench.entry", body }),
        ),
      );
      times.push(performance.now() - start);
      if (!published.every(({ ok }) => ok)) throw new Error("a publish failed");
    }
    return { times, synced: server.synced };
  } finally {
    await bus.value.close();
    await server.stop();
  }
}

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN;
}

function perSecond(count: number, timesMs: readonly number[]): number {
  return Math.round((count * 1000) / median(timesMs));
}

/** Fills a log in the largest batches that it takes. */
async function fill(log: Log, size: number, entryOf: (index: number) => Uint8Array): Promise<void> {
  while (log.size < size) {
    const count = Math.min(16_384, size - log.size);
    const appended = await log.append(Array.from({ length: count }, (_, at) => entryOf(log.size + at)));
    if (!appended.ok) throw new Error(appended.failure.message);
  }
}

async function timeVerify(folder: string, signer: NoteSigner): Promise<number> {
  const log = await openedLog(folder, signer);
  await fill(log, verifiedEntries, entryAt);
  await log.close();
  const start = performance.now();
  const verdict = await verifyLog({ files: new DiskReader(folder), logs: [signer.verifier] });
  if (!verdict.ok) throw new Error(verdict.problem.reason);
  return performance.now() - start;
}

/** Milliseconds to make a proof with nothing read before, and to check it as a stranger would. */
async function timeProofs(
  folder: string,
  signer: NoteSigner,
): Promise<{ make: number[]; check: number[]; bytes: number }> {
  const log = await openedLog(folder, signer);
  const entryOf = (index: number): Uint8Array => encodeUtf8(`event ${index}`);
  await fill(log, provenEntries, entryOf);
  const [make, check]: [number[], number[]] = [[], []];
  let bytes = 0;
  for (let at = 0; at < proofs; at++) {
    const index = (at * 7_919_777) % provenEntries;
    const start = performance.now();
    const proof = await proveEntry(log.tree(), index, log.checkpoint);
    if (!proof.ok) throw new Error(proof.reason);
    const text = formatProof(proof.value);
    const made = performance.now();
    const read = parseProof(encodeUtf8(text));
    const verdict = read.ok ? verifyProof(read.value, entryOf(index), [signer.verifier]) : read;
    if (!verdict.ok) throw new Error(verdict.reason);
    check.push(performance.now() - made);
    make.push(made - start);
    bytes = Math.max(bytes, text.length);
  }
  await log.close();
  return { make, check, bytes };
}

export async function run(report: Report): Promise<BenchResult> {
  const folder = await mkdtemp(join(tmpdir(), "omega-audit-"));
  const signer = newSigner();
  try {
    const log = await openedLog(join(folder, "log"), signer);
    const warm = await timeLog(log, batchEntries, 5);
    report(`warmed up with ${warm.length} batches`);
    const batched = perSecond(batchEntries, await timeLog(log, batchEntries, batches));
    const batchedFloor = perSecond(batchEntries, await timeFile(join(folder, "bare"), batchEntries, batches));
    report(`${batched} entries/s in batches of ${batchEntries}, bare file ${batchedFloor}`);
    const single = perSecond(1, await timeLog(log, 1, 200));
    const singleFloor = perSecond(1, await timeFile(join(folder, "bare-single"), 1, 200));
    report(`${single} entries/s one by one, bare file ${singleFloor}`);
    await log.close();
    const stream = await timeStream(join(folder, "stream"), batchEntries, batches);
    const streamed = perSecond(batchEntries, stream.times);
    const streamedSingle = perSecond(1, (await timeStream(join(folder, "stream-single"), 1, 200)).times);
    report(`${streamed} bare JetStream publishes/s in batches, ${streamedSingle} one by one, synced ${stream.synced}`);
    const verifyMs = await timeVerify(join(folder, "verified"), signer);
    report(`${verifiedEntries} entries verified in ${Math.round(verifyMs)} ms`);
    const proven = await timeProofs(join(folder, "proven"), signer);
    report(`a proof among ${provenEntries} made in ${median(proven.make).toFixed(2)} ms`);
    return {
      name: "audit",
      figure: batched,
      unit: "entries/s",
      floor: batchedFloor,
      ratio: batched / batchedFloor,
      batchEntries,
      entryBytes,
      singlePerSecond: single,
      singleFloorPerSecond: singleFloor,
      singleRatio: single / singleFloor,
      jetStreamPerSecond: streamed,
      jetStreamSynced: stream.synced,
      ratioToJetStream: batched / streamed,
      singleJetStreamPerSecond: streamedSingle,
      singleRatioToJetStream: single / streamedSingle,
      verifyEntries: verifiedEntries,
      verifyMs: Math.round(verifyMs),
      verifyPerSecond: Math.round((verifiedEntries * 1000) / verifyMs),
      proofAmong: provenEntries,
      proofMakeMs: Number(median(proven.make).toFixed(3)),
      proofCheckMs: Number(median(proven.check).toFixed(3)),
      proofBytes: proven.bytes,
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}
