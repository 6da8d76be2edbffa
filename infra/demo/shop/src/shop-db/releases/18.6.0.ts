/**
 * The shop's PostgreSQL: PGlite (PostgreSQL compiled to WebAssembly) behind its wire protocol on $POD_IP:$DB_PORT, with
 * a health page on $POD_IP:$PORT. What it holds is gone with the pod; the schema and the stock come back with the next.
 */
import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
import { numberSetting, textSetting } from "../../service/settings.ts";
import { postgresConfiguration } from "../configuration.ts";

const host = textSetting("POD_IP");
const connectionsMax = 32;

// One directory an address, so that a pod that was killed leaves nothing behind that its successor does not sweep up.
const dataDir = `${tmpdir()}/shop-db-${host}`;
const removeData = () => rmSync(dataDir, { recursive: true, force: true });
removeData();
process.once("exit", removeData);
await promisify(execFile)(process.execPath, [fileURLToPath(new URL("../initialise.ts", import.meta.url)), dataDir]);

const db = await PGlite.create({ dataDir, postgresqlconf: postgresConfiguration });
const port = numberSetting("DB_PORT", 5432);
const database = new PGLiteSocketServer({ db, host, port, maxConnections: connectionsMax });
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
