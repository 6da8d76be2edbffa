import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { addCheckpointPath, readBody } from "./witness-protocol.ts";
import type { Witness } from "./witness.ts";

/** 63 proof lines and a checkpoint with a good number of large signatures fit well within. */
const requestBytesMax = 128 * 1024;

/** How long a client may take over one request. */
const requestTimeoutMs = 10_000;

/** The HTTP face of a witness; listen on what it returns. `report` hears of failures that are not the client's. */
export function witnessServer(witness: Witness, report: (error: unknown) => void): Server {
  const server = createServer((request, response) => {
    respond(witness, request, response).catch((error: unknown) => {
      report(error);
      if (!response.headersSent) send(response, 500, "text/plain; charset=utf-8", "this witness cannot answer now\n");
      response.end();
    });
  });
  server.requestTimeout = requestTimeoutMs;
  return server;
}

async function respond(witness: Witness, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const plain = "text/plain; charset=utf-8";
  if (request.url !== addCheckpointPath) return send(response, 404, plain, `there is only POST ${addCheckpointPath}\n`);
  if (request.method !== "POST") return send(response, 405, plain, `there is only POST ${addCheckpointPath}\n`);
  const body = await readBody(request, requestBytesMax);
  if (!body.ok) return send(response, 413, plain, `${body.reason}\n`);
  const { status, contentType, body: answer } = await witness.addCheckpoint(body.value);
  return send(response, status, contentType, answer);
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, { "content-type": contentType, "content-length": Buffer.byteLength(body) });
  response.end(body);
}
