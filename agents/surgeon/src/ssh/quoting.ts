import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";

/** Linux hands a program no single argument of more than 128 KiB, and the login shell gets the whole line as one. */
const lineBytesMax = 120 * 1024;

/**
 * Writes an argv as one line for a POSIX shell, each word in single quotes, so that every byte but the quote itself stands for itself
 * (POSIX.1-2017, Shell Command Language 2.2.2). Failure `terminal/argument_refused` for what no argument may hold: NUL, line breaks and
 * lone surrogates; `terminal/command_too_long`.
 */
export function shellLine(argv: readonly string[]): Outcome<string> {
  for (const [index, argument] of argv.entries()) {
    const reason = refusalOf(argument);
    if (reason !== undefined) return fail("terminal", "argument_refused", `Argument ${index} ${reason}.`);
  }
  const line = argv.map(singleQuoted).join(" ");
  if (Buffer.byteLength(line) > lineBytesMax) {
    return fail("terminal", "command_too_long", `The command is longer than ${lineBytesMax} bytes.`);
  }
  return ok(line);
}

/** Why a word may not travel as an argument, or nothing. */
export function refusalOf(argument: string): string | undefined {
  if (argument.includes("\0")) return "holds a NUL";
  if (/[\n\r\u0085\u2028\u2029]/.test(argument)) return "holds a line break";
  return argument.isWellFormed() ? undefined : "is not well-formed Unicode";
}

/** For any text without NUL, line breaks included. */
export function singleQuoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
