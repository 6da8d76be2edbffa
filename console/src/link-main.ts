import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { personRoles } from "@omega/bus-schemas/define-event.ts";
import { systemClock } from "@omega/shared/clock.ts";
import { reasonOf } from "@omega/shared/outcome.ts";
import { makeSignInLink } from "./sign-in.ts";

// Prints a one-time sign-in link for the console whose state folder this is. Whoever may write there may make one.
// Exit codes: 0, 64 a bad command line, 69 no console answers.

const usage = `usage: node console/src/link-main.ts --state FOLDER --name NAME --role ${personRoles.join("|")}`;

async function answers(origin: string): Promise<boolean> {
  try {
    // Signed out is an answer too.
    return (await fetch(`${origin}/api/me`)).status === 401;
  } catch {
    return false;
  }
}

async function print(): Promise<number> {
  const { values } = parseArgs({
    options: { state: { type: "string" }, name: { type: "string" }, role: { type: "string" } },
  });
  const role = personRoles.find((each) => each === values.role);
  if (values.state === undefined || values.name === undefined || values.name === "" || role === undefined) {
    process.stderr.write(`${usage}\n`);
    return 64;
  }
  const file = join(values.state, "address");
  const origin = existsSync(file) ? readFileSync(file, "utf8").trim() : "";
  if (origin === "" || !(await answers(origin))) {
    process.stderr.write(`No console answers${origin === "" ? "" : ` at ${origin}`}.\n`);
    return 69;
  }
  process.stdout.write(`${makeSignInLink(values.state, origin, { name: values.name, role }, systemClock.now())}\n`);
  return 0;
}

try {
  process.exitCode = await print();
} catch (error) {
  process.stderr.write(`${reasonOf(error)}\n${usage}\n`);
  process.exitCode = 64;
}
