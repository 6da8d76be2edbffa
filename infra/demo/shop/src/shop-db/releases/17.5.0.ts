/**
 * The shop's PostgreSQL: PGlite (PostgreSQL compiled to WebAssembly, in memory) behind its wire protocol on
 * $POD_IP:5432, with a health page on $POD_IP:$PORT. What it holds is gone with the pod; the schema and the stock come
 * back with the next one.
 */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
import { numberSetting, textSetting } from "../../service/settings.ts";

const host = textSetting("POD_IP");
const connectionsMax = 32;

const db = await PGlite.create();
await db.exec(await readFile(new URL("../schema.sql", import.meta.url), "utf8"));
const database = new PGLiteSocketServer({
  db,
  host,
  port: numberSetting("DB_PORT", 5432),
  maxConnections: connectionsMax,
});
await database.start();

const health = createServer((_request, response) => {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(database.getStats()));
});
health.listen(numberSetting("PORT", 8080), host);

process.once("SIGTERM", () => {
  health.close();
  health.closeAllConnections();
  void database.stop().then(() => db.close());
});
