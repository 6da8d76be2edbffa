import type { Encoding, SignalName } from "./decode.ts";

const rejectedNames: Readonly<Record<SignalName, string>> = {
  traces: "rejectedSpans",
  logs: "rejectedLogRecords",
  metrics: "rejectedDataPoints",
};

const varint = (value: number): number[] => {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return [...bytes, rest];
};

const lengthDelimited = (field: number, bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(bytes.length)]), bytes]);

const numberField = (field: number, value: number): Buffer => Buffer.from([...varint(field * 8), ...varint(value)]);

/** gRPC codes of google.rpc.Status for the HTTP statuses that we answer with. */
const statusCodes: Readonly<Record<number, number>> = { 400: 3, 404: 5, 405: 12, 413: 3, 415: 3, 429: 8 };

/** The bodies of our answers, in the encoding that the request came in (OTLP/HTTP, "OTLP/HTTP Response"). */
export const encodeAnswer = {
  /** An Export…ServiceResponse: empty when everything was taken. */
  partialSuccess: (signal: SignalName, encoding: Encoding, rejected: number, reason: string): Buffer => {
    if (encoding === "json") {
      const answer =
        rejected === 0 ? {} : { partialSuccess: { [rejectedNames[signal]]: String(rejected), errorMessage: reason } };
      return Buffer.from(JSON.stringify(answer));
    }
    if (rejected === 0) return Buffer.alloc(0);
    return lengthDelimited(1, Buffer.concat([numberField(1, rejected), lengthDelimited(2, Buffer.from(reason))]));
  },

  /** A google.rpc.Status. */
  status: (encoding: Encoding, httpStatus: number, message: string): Buffer => {
    const code = statusCodes[httpStatus] ?? 2;
    if (encoding === "json") return Buffer.from(JSON.stringify({ code, message }));
    return Buffer.concat([numberField(1, code), lengthDelimited(2, Buffer.from(message))]);
  },
};
