import { failed, type Failure, type Outcome } from "./checked.ts";
import { errorCode } from "./disk-reader.ts";

/** Runs work on the disk; what the disk throws becomes a failure of the given kind. */
export async function diskOutcome<T>(kind: Failure["kind"], work: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
  try {
    return await work();
  } catch (error) {
    const full = errorCode(error) === "ENOSPC" || errorCode(error) === "EDQUOT";
    return failed(kind, full ? "disk_full" : "disk_failed", describeDiskError(error));
  }
}

export function describeDiskError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
