const varying =
  /"[^"]*"|(?<!\w)'[^']*'(?!\w)|`[^`]*`|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}\b|\b0x[0-9a-f]+\b|\b(?=[a-z-]*\d)[0-9a-z]+(?:[-_][0-9a-z]+)*\b|\d+(?:\.\d+)*/gi;

const quoted = /^["'`]/;

/**
 * An error's text with what varies from one occurrence to the next replaced by `<*>`: `order 4711 is unknown` becomes
 * `order <*> is unknown`. Quotes stay, so that it still reads. At most 512 characters, as the bus allows.
 */
export const signatureOf = (message: string): string => {
  const line = message.split("\n", 1)[0]?.slice(0, 2048) ?? "";
  const template = line.replace(varying, (match) => (quoted.test(match) ? `${match[0]}<*>${match[0]}` : "<*>"));
  return template.trim().slice(0, 512);
};
