// Secrets are removed where telemetry enters, so that no later stage (bus, log, memory, model) can leak one.

const secretName =
  /(^|[._-])(authorization|cookie|set[_-]cookie|password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)$/i;

const secretNames = new Map<string, boolean>();
const namesRemembered = 4096;

/** Whether an attribute of this name holds a secret whatever its value looks like. */
export const isSecretName = (name: string): boolean => {
  const known = secretNames.get(name);
  if (known !== undefined) return known;
  const secret = secretName.test(name);
  if (secretNames.size < namesRemembered) secretNames.set(name, secret);
  return secret;
};

export const redacted = "[redacted]";

/** Each pattern's first group, where it has one, is kept: it says what was there. */
const secretShapes = new RegExp(
  [
    String.raw`\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*`,
    String.raw`\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`,
    String.raw`\bgh[pousr]_\w{20,}`,
    String.raw`\bgithub_pat_\w{20,}`,
    String.raw`\bglpat-[\w-]{16,}`,
    String.raw`\bxox[abeoprs]-[\w-]{10,}`,
    String.raw`\b(?:sk|rk|pk)[-_](?:live|test|proj|ant)[-_][\w-]{10,}`,
    String.raw`\bAIza[\w-]{30,}`,
    String.raw`-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?`,
  ].join("|"),
  "g",
);
const bearer = /\b(bearer|basic)\s+[\w~+/.=-]{8,}/gi;
const assignment =
  /\b((?:[\w-]*[_-])?(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key))(["']?\s*[=:]\s*["']?)([^\s"'&,;}\]]{3,})/gi;
const urlLogin = /([a-z][a-z0-9+.-]*:\/\/[^\s/:@]*):[^\s/@]+@/gi;
const worthLooking =
  /eyJ|AKIA|ASIA|gh[pousr]_|github_pat|glpat|xox|[srp]k[-_]|AIza|PRIVATE KEY|bearer|basic|pass|pwd|secret|token|key|:\/\//i;

/** Text with what looks like a secret replaced by `[redacted]`; anything else comes back as it was. */
export const redactText = (text: string): string => {
  if (text.length < 8 || !worthLooking.test(text)) return text;
  return text
    .replace(secretShapes, redacted)
    .replace(bearer, `$1 ${redacted}`)
    .replace(assignment, `$1$2${redacted}`)
    .replace(urlLogin, `$1:${redacted}@`);
};
