/** Exit codes of the `omega` command, after sysexits.h where that has one. */
export const exitCode = {
  ok: 0,
  /** It ran, and the answer is no: nothing found, not healed, decisions differ. */
  failed: 1,
  usage: 64,
  /** Something that it needs is not there: bus, nats-server, a free port. */
  unavailable: 69,
  config: 78,
  /** 128 + SIGINT, as shells say it. */
  interrupted: 130,
} as const;

/** An error that the person at the terminal can do something about; anything else that is thrown is a bug. */
export class CommandFailure extends Error {
  readonly exitCode: number;

  constructor(code: number, message: string) {
    super(message);
    this.exitCode = code;
  }
}
