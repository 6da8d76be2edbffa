import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { readBody } from "./body.ts";
import { decode, signals } from "./decode.ts";
import type { Encoding, SignalName } from "./decode.ts";
import type { Harvest } from "./harvest.ts";
import { encodeAnswer } from "./answer.ts";

/** Limits of the receiver; all of them are always in force. */
export interface ReceiverLimits {
  /** Largest body after unpacking. */
  readonly bodyBytesMax: number;
  /** Bytes of bodies being read and decoded at once; above it senders are told to come again. */
  readonly inFlightBytesMax: number;
  /** What a sender is told to wait when we are full. */
  readonly retryAfterSeconds: number;
}

export const receiverLimits: ReceiverLimits = {
  bodyBytesMax: 16 * 1024 * 1024,
  inFlightBytesMax: 64 * 1024 * 1024,
  retryAfterSeconds: 1,
};

export interface Receiver {
  readonly port: number;
  readonly counts: Readonly<ReceiverCounts>;
  close(): Promise<void>;
}

interface ReceiverCounts {
  requests: number;
  accepted: number;
  rejected: number;
  refusedRequests: number;
}

/** A request of unknown length is reckoned at this much until it has been read. */
const reckonedBytes = 256 * 1024;

interface Intake {
  readonly limits: ReceiverLimits;
  readonly counts: ReceiverCounts;
  readonly sink: (harvest: Harvest) => void;
  inFlightBytes: number;
}

/**
 * Listens for OTLP/HTTP (specification 1.x: protobuf and JSON, gzip, partial success, 429 with Retry-After) and hands what it
 * read to `sink`, which must be quick and keep its own bounds. Rejects when the address cannot be listened on.
 */
export const listen = async (options: {
  host: string;
  /** 0 takes a free port. */
  port: number;
  limits?: Partial<ReceiverLimits>;
  sink: (harvest: Harvest) => void;
}): Promise<Receiver> => {
  const intake: Intake = {
    limits: { ...receiverLimits, ...options.limits },
    counts: { requests: 0, accepted: 0, rejected: 0, refusedRequests: 0 },
    sink: options.sink,
    inFlightBytes: 0,
  };
  const server = createServer((request, response) => void answer(intake, request, response));
  server.requestTimeout = 30_000;
  server.maxRequestsPerSocket = 0;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => {
      const where = `${options.host}:${options.port}`;
      reject(new Error(`OTLP can't be received at ${where} (otlp.host, otlp.port in the config): ${error.message}`));
    });
    server.listen(options.port, options.host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the receiver listens on no TCP port");
  return {
    port: address.port,
    counts: intake.counts,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

const encodings: Readonly<Record<string, Encoding>> = {
  "application/x-protobuf": "protobuf",
  "application/json": "json",
};

const answer = async (intake: Intake, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  intake.counts.requests += 1;
  const type = (request.headers["content-type"] ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const encoding = encodings[type];
  const refuse = (status: number, message: string, headers: Record<string, string> = {}): void => {
    intake.counts.refusedRequests += 1;
    // The rest of a body that is not wanted would otherwise be read to its end before the connection is used again.
    if (!request.complete) response.setHeader("connection", "close");
    const body = encodeAnswer.status(encoding ?? "json", status, message);
    response.writeHead(status, { "content-type": type in encodings ? type : "application/json", ...headers }).end(body);
  };
  const path = (request.url ?? "").split("?", 1)[0];
  const signal = signals.find((name) => path === `/v1/${name}`);
  if (signal === undefined)
    return refuse(404, `nothing is received at ${path}; send to /v1/traces, /v1/logs or /v1/metrics`);
  if (request.method !== "POST")
    return refuse(405, `${request.method} is not understood here; use POST`, { allow: "POST" });
  if (encoding === undefined) {
    return refuse(415, `content-type "${type}" is not supported; send application/x-protobuf or application/json`);
  }
  const reckoned = Number(request.headers["content-length"] ?? reckonedBytes);
  if (intake.inFlightBytes + reckoned > intake.limits.inFlightBytesMax && intake.inFlightBytes > 0) {
    return refuse(429, "the receiver is full", { "retry-after": String(intake.limits.retryAfterSeconds) });
  }
  intake.inFlightBytes += reckoned;
  try {
    const body = await readBody(request, intake.limits.bodyBytesMax);
    if (!body.ok) return refuse(body.status, body.message);
    take(intake, signal, encoding, body.bytes, response, refuse);
  } finally {
    intake.inFlightBytes -= reckoned;
  }
};

const take = (
  intake: Intake,
  signal: SignalName,
  encoding: Encoding,
  bytes: Buffer,
  response: ServerResponse,
  refuse: (status: number, message: string) => void,
): void => {
  const decoded = decode(signal, encoding, bytes);
  if (!decoded.ok) return refuse(400, decoded.message);
  const { harvest } = decoded;
  intake.counts.accepted += harvest.accepted;
  intake.counts.rejected += harvest.rejected;
  intake.sink(harvest);
  const type = encoding === "json" ? "application/json" : "application/x-protobuf";
  response
    .writeHead(200, { "content-type": type })
    .end(encodeAnswer.partialSuccess(signal, encoding, harvest.rejected, harvest.reason));
};
