import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Where a service can be reached on this machine. `listening` differs from the service's `port` only where the right to
 * that port is missing.
 */
export interface ServiceAddress {
  host: string;
  ports: { name?: string; port: number; listening: number }[];
}

/** Where a kubelet with this state folder writes the addresses of services. */
export function servicesFile(stateDir: string): string {
  return join(stateDir, "services.json");
}

/** The table that a running kubelet keeps, by `namespace/name`; empty where there is none yet. */
export function readServiceTable(file: string): Record<string, ServiceAddress> {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return {};
  }
}

/** Written beside and renamed, so that no reader sees half of one. */
export function writeServiceTable(file: string, table: Record<string, ServiceAddress>): void {
  writeFileSync(`${file}.new`, `${JSON.stringify(table, null, 2)}\n`);
  renameSync(`${file}.new`, file);
}
