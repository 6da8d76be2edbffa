import { readFileSync } from "node:fs";
import { createServer } from "node:http";

// A container for the suite: what it does on request is what containers do by accident.
const version = process.env["VERSION"] ?? "";
let healthy = true;
const kept: Buffer[] = [];

const server = createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://pod");
  if (url.pathname === "/env") return void response.end(JSON.stringify({ pid: process.pid, env: process.env }));
  if (url.pathname === "/file") {
    const root = process.env["CONTAINER_SANDBOX_MOUNT_POINT"] ?? "";
    return void response.end(readFileSync(root + url.searchParams.get("path"), "utf8"));
  }
  if (url.pathname === "/crash") process.exit(Number(url.searchParams.get("code")));
  if (url.pathname === "/leak") kept.push(Buffer.alloc(400 * 1024 * 1024, 1));
  if (url.pathname === "/sicken") healthy = false;
  if (url.pathname === "/say") process.stdout.write(`${url.searchParams.get("line")}\n`);
  const ok = (url.pathname !== "/ready" || version !== "never-ready") && (url.pathname !== "/live" || healthy);
  response.statusCode = ok ? 200 : 500;
  response.end(version);
});

server.listen(Number(process.env["PORT"] ?? 8080), process.env["POD_IP"], () => {
  process.stdout.write(`version ${version} listens\n`);
});

process.on("SIGTERM", () => {
  process.stdout.write("asked to end\n");
  if (version === "stubborn") return;
  server.close(() => {
    process.stdout.write("ended well\n");
    process.exit(0);
  });
});
