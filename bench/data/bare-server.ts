// The floor of the console bench: one static page and an open stream of server-sent events, and nothing else, in a process of its own.

import { createServer, type ServerResponse } from "node:http";

const page = `<!doctype html><html lang="en"><title>bare</title><main><section aria-label="Open incidents"><h2>Open incidents</h2></section></main></html>`;
const streams = new Set<ServerResponse>();

const server = createServer((request, response) => {
  if (request.url !== "/api/feed") {
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page);
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream" }).write("retry: 1000\n\n");
  streams.add(response);
  response.on("close", () => streams.delete(response));
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (typeof address === "object" && address !== null) process.stdout.write(`http://127.0.0.1:${address.port}\n`);
});
