import pg from "pg";
import { numberSetting, serviceAddress, textSetting } from "./settings.ts";

/** A small pool on the shop's PostgreSQL. A lost connection fails its own query and is replaced by the next. */
export function connectDatabase(onLost: (err: Error) => void): pg.Pool {
  const { host, port } = serviceAddress("shop-db");
  const pool = new pg.Pool({
    host,
    port,
    user: textSetting("DB_USER", "postgres"),
    password: textSetting("DB_PASSWORD", "postgres"),
    database: textSetting("DB_NAME", "postgres"),
    max: numberSetting("DB_POOL_SIZE", 4),
    connectionTimeoutMillis: 2_000,
    query_timeout: numberSetting("DB_QUERY_TIMEOUT_MS", 5_000),
  });
  // Without a listener, a database that restarts would take every process with an idle connection down with it.
  pool.on("error", onLost);
  return pool;
}
