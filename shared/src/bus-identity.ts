import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { inboxPrefixOf, type BusUser } from "@omega/bus-schemas/access.ts";
import { credsAuthenticator, nkeyAuthenticator, nkeys, type ConnectionOptions } from "nats";
import { fail, ok, reasonOf, type Outcome } from "./outcome.ts";
import { writeAtomically } from "./signing.ts";

/** As whom to sign in to the bus. The server may also let people in without a name, to look only. */
export interface BusIdentity {
  readonly user: BusUser;
  /** An nkey seed, or NATS credentials (a JWT with its seed). Where there is no such file, no name is given. */
  readonly credentialsFile: string;
}

/**
 * Unless told otherwise each user's nkey seed is `<keys>/<user>.nk`, mode 0600, beside the key that signs events: one says who connects,
 * the other who speaks.
 */
export function busIdentity(keys: string, user: BusUser, credentialsFile = join(keys, `${user}.nk`)): BusIdentity {
  return { user, credentialsFile };
}

/** Makes the seed where there is none. Returns the public nkey, which the server is told (`U…`, NATS ADR-14). */
export function makeBusIdentity({ credentialsFile }: BusIdentity): string {
  if (!existsSync(credentialsFile)) {
    mkdirSync(join(credentialsFile, ".."), { recursive: true, mode: 0o700 });
    const seed = Buffer.from(nkeys.createUser().getSeed()).toString("ascii");
    writeAtomically(credentialsFile, `${seed}\n`, 0o600);
  }
  return nkeys.fromSeed(Buffer.from(readFileSync(credentialsFile, "ascii").trim())).getPublicKey();
}

/** How to connect as this user. Failure: `terminal/bad_credentials`, which names the file and never shows what is in it. */
export function signingIn(identity: BusIdentity | undefined): Outcome<Partial<ConnectionOptions>> {
  if (identity === undefined || !existsSync(identity.credentialsFile)) return ok({});
  const { user, credentialsFile } = identity;
  try {
    const bytes = readFileSync(credentialsFile);
    const text = bytes.toString("utf8");
    if (text.includes("BEGIN NATS USER JWT"))
      return ok({ authenticator: credsAuthenticator(bytes), inboxPrefix: inboxPrefixOf(user) });
    const seed = Buffer.from(text.trim());
    // The authenticator is asked at every reconnection; a seed that is none must be told now.
    nkeys.fromSeed(seed);
    return ok({ authenticator: nkeyAuthenticator(seed), inboxPrefix: inboxPrefixOf(user) });
  } catch (error) {
    const message = `${credentialsFile} holds neither an nkey seed nor NATS credentials: ${reasonOf(error)}`;
    return fail("terminal", "bad_credentials", message);
  }
}
