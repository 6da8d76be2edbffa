// The sender of the intake bench, in a thread of its own so that its work is not counted as Scout's.

import { Agent, request } from "node:http";
import { parentPort, workerData } from "node:worker_threads";
import { z } from "zod";

const { port, bodies } = z.object({ port: z.number(), bodies: z.array(z.instanceof(Uint8Array)) }).parse(workerData);
const agent = new Agent({ keepAlive: true, maxSockets: 4 });

function send(body: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/x-protobuf", "content-length": body.length };
    const sent = request(
      { host: "127.0.0.1", port, path: "/v1/traces", method: "POST", agent, headers },
      (response) => {
        response.resume().once("end", () => {
          if (response.statusCode === 200) resolve();
          else reject(new Error(`Scout answered ${response.statusCode ?? 0}`));
        });
      },
    );
    sent.once("error", reject);
    sent.end(body);
  });
}

let next = 0;
async function lane(): Promise<void> {
  for (let body = bodies[next++]; body !== undefined; body = bodies[next++]) await send(body);
}

// Starting a thread is no part of receiving: the clock starts when both are ready.
parentPort?.postMessage("ready");
await new Promise((resolve) => parentPort?.once("message", resolve));
await Promise.all(Array.from({ length: 4 }, lane));
agent.destroy();
parentPort?.postMessage("sent");
