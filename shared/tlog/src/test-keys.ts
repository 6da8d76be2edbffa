import { generateKey, type KeyRole, type NoteSigner, parseSignerKey } from "./note-key.ts";

/** A fresh signer for tests; throws instead of refusing. `now` is the time of its cosignatures, in POSIX seconds. */
export function newSigner(name: string, role: KeyRole, now = 1_700_000_000): NoteSigner {
  const key = generateKey(name, role);
  if (!key.ok) throw new Error(key.reason);
  const signer = parseSignerKey(key.value.skey, () => now);
  if (!signer.ok) throw new Error(signer.reason);
  return signer.value;
}
