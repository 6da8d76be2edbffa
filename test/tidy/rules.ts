// House rules that the linter can't express. Each has a name, a reason, and a planted violation in tidy.test.ts that must be found.

import { dirname, posix } from "node:path";
import { isCode, isTest, syntaxOf, type SourceFile } from "./source.ts";

export type Finding = { path: string; line: number; message: string };
export type Rule = { name: string; why: string; find: (files: readonly SourceFile[]) => Finding[] };

/** A rule over one file at a time; `find` yields the place (an offset into the text) and what is there. */
type FileRule = {
  name: string;
  why: string;
  applies: (file: SourceFile) => boolean;
  find: (file: SourceFile) => Iterable<readonly [offset: number, what: string]>;
};

function perFile({ name, why, applies, find }: FileRule): Rule {
  const at = (file: SourceFile, offset: number): number => file.text.slice(0, offset).split("\n").length;
  const findIn = (file: SourceFile): Finding[] =>
    [...find(file)].map(([offset, message]) => ({ path: file.path, line: at(file, offset), message }));
  return { name, why, find: (files) => files.filter(applies).flatMap(findIn) };
}

function* matches(text: string, pattern: RegExp): Iterable<readonly [number, string]> {
  for (const match of text.matchAll(pattern)) yield [match.index, match[0].trim()];
}

const BANNED_WORDS = new Set([
  "util",
  "utils",
  "helper",
  "helpers",
  "common",
  "misc",
  "manager",
  "processor",
  "data",
  "info",
]);

const fileNames = perFile({
  name: "file-names",
  why: "a name says the noun it holds, in kebab-case",
  applies: isCode,
  *find({ path }) {
    const segments = path.replace(/(\.test|\.d)?\.(tsx?|mjs)$/, "").split("/");
    for (const segment of segments.filter((name) => !/^[a-z0-9]+([.-][a-z0-9]+)*$/.test(name)))
      yield [0, `${segment} is not kebab-case`];
    const base = segments.at(-1) ?? "";
    if (base === "index") yield [0, "index.ts: import the file that holds the thing"];
    for (const word of base.split(/[.-]/).filter((part) => BANNED_WORDS.has(part)))
      yield [0, `"${word}" says nothing; say the noun`];
  },
});

const typeNames = perFile({
  name: "type-names",
  why: "the interface is the noun, and the implementation carries the adjective",
  applies: isCode,
  *find(file) {
    for (const { name, start } of syntaxOf(file).typeNames) if (/^I[A-Z][a-z]|Impl$/.test(name)) yield [start, name];
  },
});

const unfinished = perFile({
  name: "unfinished",
  why: "what is committed is finished; what is left to do is an issue",
  applies: isCode,
  *find(file) {
    for (const { value, start } of syntaxOf(file).comments)
      if (/\b(TODO|FIXME|XXX|HACK)\b/.test(value)) yield [start, value.trim()];
  },
});

const narrowed = perFile({
  name: "narrowed-tests",
  why: "`only` silences every other test",
  applies: isTest,
  *find(file) {
    if (!isCode(file)) return;
    for (const { callee, start, options } of syntaxOf(file).calls) {
      if (/^(test|it|describe|suite)\.only$/.test(callee) || options.get("only") === true)
        yield [start, `${callee} with only`];
    }
  },
});

const silentSkips = perFile({
  name: "silent-skips",
  why: "a skipped test prints why, and what would enable it",
  applies: isTest,
  *find(file) {
    if (!isCode(file)) return;
    for (const { callee, start, argumentCount, options } of syntaxOf(file).calls) {
      const bare =
        /^(test|it|describe|suite)\.(skip|todo)$/.test(callee) ||
        (/^\w+\.(skip|todo)$/.test(callee) && argumentCount === 0);
      if (bare || options.get("skip") === true || options.get("todo") === true)
        yield [start, `${callee || "a call"} skips without a reason`];
    }
  },
});

const emoji = perFile({
  name: "emoji",
  why: "readers stop reading",
  applies: () => true,
  find: ({ text }) => matches(text, /\p{Emoji_Presentation}|\u{FE0F}/gu),
});

const banners = perFile({
  name: "banners",
  why: "a file that needs banners is two files",
  applies: isCode,
  *find(file) {
    for (const { value, start } of syntaxOf(file).comments)
      if (/([-=*#~_\u2500\u2501\u2550])\1{4}/.test(value)) yield [start, value.trim()];
  },
});

const subjects = perFile({
  name: "string-subjects",
  why: "a typo in a subject is a silent non-delivery; take it from bus-schemas/src/subjects.ts",
  applies: (file) => isCode(file) && !isTest(file) && !file.path.startsWith("bus-schemas/"),
  *find(file) {
    for (const { value, start, isKey } of syntaxOf(file).literals) {
      // The attributes of our spans are called omega.event.type and omega.incident.id: names, not subjects.
      const subject = /^omega\.(>|\*|(incident|signal|control|agent)\.(?!id$|type$))/.test(value);
      if (subject && !isKey) yield [start, value];
    }
  },
});

const ambientTime = perFile({
  name: "ambient-time",
  why: "time comes through the clock port, so that a recorded incident replays to the same decisions",
  applies: (file) => isCode(file) && !isTest(file) && /^agents\/[^/]+\/src\/(?!adapters\/)/.test(file.path),
  *find(file) {
    for (const { callee, start, argumentCount } of syntaxOf(file).constructions) {
      if (callee === "Date" && argumentCount === 0) yield [start, "new Date()"];
    }
  },
});

const packageWalls: Rule = {
  name: "package-walls",
  why: "a package is entered by its name, never by a relative path around its exports and its dependency list",
  find(files) {
    const packages = files.map(({ path }) => path).filter((path) => path.endsWith("/package.json"));
    const folders = packages.map((path) => dirname(path)).sort((a, b) => b.length - a.length);
    const owner = (path: string): string => folders.find((folder) => path.startsWith(`${folder}/`)) ?? "";
    const walled = files.filter(
      (file) => isCode(file) && owner(file.path) !== "" && !isTest(file) && !file.path.startsWith("cli/bin/"),
    );
    return walled.flatMap((file) =>
      syntaxOf(file)
        .imports.filter(({ from }) => from.startsWith("."))
        .filter(({ from }) => owner(posix.join(dirname(file.path), from)) !== owner(file.path))
        .map(({ from, start }) => ({
          path: file.path,
          line: file.text.slice(0, start).split("\n").length,
          message: from,
        })),
    );
  },
};

const schemaDependencies = perFile({
  name: "schema-dependencies",
  why: "whoever speaks to the bus needs bus-schemas and zod, nothing else",
  applies: ({ path }) => path === "bus-schemas/package.json",
  *find({ text }) {
    const { dependencies = {} }: { dependencies?: Record<string, string> } = JSON.parse(text);
    for (const name of Object.keys(dependencies)) if (name !== "zod") yield [text.indexOf(`"${name}"`), name];
  },
});

const logAlone = perFile({
  name: "log-stands-alone",
  why: "the audit log is checked by strangers, who have its folder and Node and nothing else of ours",
  applies: (file) => file.path.startsWith("shared/tlog/src/") && isCode(file) && !isTest(file),
  *find(file) {
    for (const { from, start } of syntaxOf(file).imports) if (!/^(node:|\.\/)/.test(from)) yield [start, from];
  },
});

const titles = perFile({
  name: "one-title",
  why: "a page has one title",
  applies: ({ path }) => path.endsWith(".md"),
  *find({ text }) {
    const prose = text.replace(/^(```|~~~)[^]*?^\1/gm, (block) => block.replace(/[^\n]/g, " "));
    const found = [...prose.matchAll(/^# .+$/gm)];
    if (found.length === 0) yield [0, "no title"];
    for (const extra of found.slice(1)) yield [extra.index, extra[0]];
  },
});

const ROOMS = ["README.md", ...["main", "config", "state", "decide", "decide.test"].map((name) => `src/${name}.ts`)];
const ROOMS_FOR_EFFECTS = ["src/handle.ts", "src/ports.ts"];
// The coordinator decides and does nothing, so it has nothing to handle and nothing to reach.
const DECIDES_ONLY = "agents/coordinator";

const rooms: Rule = {
  name: "agent-rooms",
  why: "who knows one agent finds everything in the next",
  find(files) {
    const paths = new Set(files.map(({ path }) => path));
    const agents = [...paths].flatMap((path) => /^(agents\/[^/]+)\/src\/main\.ts$/.exec(path)?.[1] ?? []);
    const missing = agents
      .flatMap((agent) => roomsOf(agent).map((room) => `${agent}/${room}`))
      .filter((path) => !paths.has(path));
    return missing.map((path) => ({ path, line: 1, message: "is missing" }));
  },
};

function roomsOf(agent: string): string[] {
  return agent === DECIDES_ONLY ? ROOMS : [...ROOMS, ...ROOMS_FOR_EFFECTS];
}

const registries = perFile({
  name: "registry-hosts",
  why: "which mirror a machine installs from is its own business, and its configuration's",
  applies: () => true,
  find: ({ text }) =>
    matches(
      text,
      /\bregistry\.(?!k8s\.io\b)[a-z0-9-]+\.(org|com|io|net|dev)\b|\b(proxy\.golang\.org|pypi\.org|files\.pythonhosted\.org|deb\.debian\.org)\b/g,
    ),
});

const machinePaths = perFile({
  name: "machine-paths",
  why: "what names a folder of one machine works on that machine",
  applies: () => true,
  find: ({ text }) => matches(text, /(?<![\w.~*)\]}>-])\/(root|work|Users\/\w+|home\/(?!app\b|node\b|omega\b)\w+)\//g),
});

export const rules: readonly Rule[] = [
  fileNames,
  typeNames,
  unfinished,
  narrowed,
  silentSkips,
  emoji,
  banners,
  subjects,
  ambientTime,
  packageWalls,
  schemaDependencies,
  logAlone,
  titles,
  rooms,
  registries,
  machinePaths,
];
