import type { Outcome } from "@omega/shared/outcome.ts";
import type { Output } from "./capped-output.ts";
import type { SshConfig } from "./ssh-config.ts";

export interface RemoteCommand {
  /** A configured host's name. */
  readonly host: string;
  /** Each word reaches the program as it is. */
  readonly argv: readonly string[];
  /** `look` promises to change nothing: when its answer is lost it may simply be asked again. */
  readonly effect: "look" | "change";
  /** The command runs only if this one prints just the expected line at that moment; else `conflict/changed`. */
  readonly guard?: { readonly argv: readonly string[]; readonly expected: string };
  /** Whose command it is: `fence` ends and refuses all of one owner's. */
  readonly owner?: string;
  /** Instead of the host's `runMs`. */
  readonly deadlineMs?: number;
}

export interface RemoteResult {
  readonly exitCode: number;
  readonly stdout: Output;
  readonly stderr: Output;
}

/**
 * Runs commands on hosts. A command that ran is `ok` whatever its exit status. Failures: `retryable` `unreachable` and `busy` (not sent);
 * `terminal` `host_not_configured`, `host_key_unknown | host_key_mismatch | host_key_revoked`, `known_hosts_unreadable`,
 * `identity_unusable`, `login_refused`, `argument_refused`, `command_too_long`, `not_allowed` (by the forced command), `guard_failed`;
 * `conflict` `changed`; `unknown` `taken_back` (its owner is fenced; not sent), `connection_lost`, `deadline_passed`, `stopped`, of which the
 * last three are `retryable` for a look.
 */
export interface RemoteShell {
  run(command: RemoteCommand, signal: AbortSignal): Promise<Outcome<RemoteResult>>;
  /** Ends what still runs of this owner on the host, and from then on nothing of it begins there. Failures as of a look. */
  fence(host: string, owner: string, signal: AbortSignal): Promise<Outcome<void>>;
}

/** What the SSH actions need. */
export interface Ssh {
  readonly config: SshConfig;
  readonly shell: RemoteShell;
}
