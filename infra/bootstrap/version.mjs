/** The first x.y.z in a text, as three numbers, or undefined. */
export function parseVersion(text) {
  const found = /(\d+)\.(\d+)\.(\d+)/.exec(text ?? "");
  return found ? [Number(found[1]), Number(found[2]), Number(found[3])] : undefined;
}

/** Whether version `text` is `least` ("x.y.z") or later. False for a text without a version. */
export function atLeast(text, least) {
  const have = parseVersion(text);
  const want = parseVersion(least);
  if (!have || !want) return false;
  for (let place = 0; place < 3; place++) if (have[place] !== want[place]) return have[place] > want[place];
  return true;
}
