/**
 * `initdb` and the schema, for an empty data directory: `node initialise.ts DIRECTORY`.
 *
 * A process of its own, because making a cluster takes a gigabyte of memory that the WebAssembly heap never gives
 * back; opening one that exists takes a fifth of that.
 */
import { readFile } from "node:fs/promises";
import { PGlite } from "@electric-sql/pglite";
import { postgresConfiguration } from "./configuration.ts";

const [dataDir] = process.argv.slice(2);
if (dataDir === undefined) throw new Error("usage: node initialise.ts DIRECTORY");

const db = await PGlite.create({ dataDir, postgresqlconf: postgresConfiguration });
await db.exec(await readFile(new URL("schema.sql", import.meta.url), "utf8"));
await db.close();
