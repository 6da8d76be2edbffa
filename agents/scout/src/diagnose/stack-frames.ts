/** One call of a stack. */
export interface Frame {
  readonly function: string | undefined;
  readonly file: string;
  readonly line: number | undefined;
  /** Not of a library, a framework or the language's runtime. */
  readonly own: boolean;
}

export type Language = "javascript" | "java" | "python" | "go" | "dotnet" | "ruby";

interface Dialect {
  /** Whether some line of a stack can only be this language's. */
  readonly sign: RegExp;
  /** Frames with the innermost first, of the exception that started it all where several are chained. */
  frames(stack: string): Frame[];
}

const lineOf = (text: string | undefined): number | undefined => {
  const line = Number(text);
  return Number.isInteger(line) && line > 0 ? line : undefined;
};

const pathOf = (file: string): string => {
  if (!file.startsWith("file://")) return file;
  const path = file.slice("file://".length);
  return /%[0-9a-f]{2}/i.test(path) ? safeDecode(path) : path;
};
const safeDecode = (path: string): string => path.replace(/%[0-7][0-9a-f]/gi, (code) => decodeURIComponent(code));

/** V8's format. `Error.cause` is printed inside the outer stack as `[cause]: …`, deepest last. */
const javascript: Dialect = {
  sign: /^\s+at (?:async )?(?:.+ \()?(?:file:\/\/|node:|webpack|[A-Za-z]:\\|\/|<anonymous>).*$/m,
  frames(stack) {
    const blocks = stack.split(/\[cause\]: |\nCaused by: /);
    return (blocks.at(-1) ?? "").split("\n").flatMap((text) => {
      const match =
        /^\s*at (?:async )?(?:(?:new )?(.+?) (?:\[as [^\]]+\] )?\()?((?:file:\/\/|node:|[A-Za-z]:\\|webpack[^:]*:|\/|\.|internal\/)[^()]*?):(\d+)(?::\d+)?\)?$/.exec(
          text.trimEnd(),
        );
      if (match === null) return [];
      const file = pathOf(match[2] ?? "");
      const own = !/(^|[\\/])node_modules[\\/]|^node:|^internal\//.test(file);
      return [{ function: match[1], file, line: lineOf(match[3]), own }];
    });
  },
};

const javaRuntime =
  /^(java|javax|jakarta|jdk|sun|com\.sun|kotlin|kotlinx|scala|org\.(springframework|apache|hibernate|eclipse|jboss|postgresql|junit)|io\.(netty|grpc|opentelemetry|micrometer|vertx|quarkus|undertow)|reactor|com\.(fasterxml|zaxxer|mysql|google)|feign|okhttp3)\./;

const java: Dialect = {
  sign: /^\s+at [\w$./]+\([\w$]+\.(?:java|kt|scala|groovy):\d+\)/m,
  frames(stack) {
    const blocks = stack.split(/\nCaused by: /);
    return (blocks.at(-1) ?? "").split("\n").flatMap((text) => {
      const match = /^\s+at (?:[\w.@-]+\/)*([\w$.<>]+)\(([\w$-]+\.\w+)(?::(\d+))?\)/.exec(text);
      if (match === null) return [];
      const name = match[1] ?? "";
      return [{ function: name, file: match[2] ?? "", line: lineOf(match[3]), own: !javaRuntime.test(name) }];
    });
  },
};

const python: Dialect = {
  sign: /^\s*File "[^"]+", line \d+/m,
  frames(stack) {
    // "The above exception was the direct cause" puts the first error first; "During handling" means a handler broke, and it is last.
    const chained = stack.split(/\n(?=Traceback \(most recent call last\))/);
    const block =
      (stack.includes("was the direct cause of the following")
        ? chained.find((part) => part.includes('File "'))
        : chained.at(-1)) ?? stack;
    const frames = [...block.matchAll(/^\s*File "([^"]+)", line (\d+)(?:, in (.+))?$/gm)].map((match): Frame => {
      const file = match[1] ?? "";
      const own = !/(site|dist)-packages|\/lib\/python[\d.]*\/|^<|\/usr\/lib\//.test(file);
      return { function: match[3], file, line: lineOf(match[2]), own };
    });
    return frames.reverse();
  },
};

const go: Dialect = {
  sign: /^\t\S+\.go:\d+/m,
  frames(stack) {
    const lines = stack.split("\n");
    const frames: Frame[] = [];
    for (const [index, text] of lines.entries()) {
      const place = /^\s+(\S+\.go):(\d+)/.exec(text);
      if (place === null) continue;
      const file = place[1] ?? "";
      const name = /^(?:created by )?(.+?)(?:\(.*\))?$/.exec((lines[index - 1] ?? "").trim())?.[1];
      const own =
        !/\/go\/src\/|\/pkg\/mod\/|\/vendor\/|\/golang\.org\/|^runtime\//.test(file) &&
        !/^(runtime|panic|net\/http|testing)[./(]?/.test(name ?? "");
      frames.push({ function: name, file, line: lineOf(place[2]), own });
    }
    return frames;
  },
};

const dotnet: Dialect = {
  sign: /^\s+at .+\) in .+:line \d+/m,
  frames(stack) {
    // Inner exceptions are printed before the outer ones, so the first frame is the innermost.
    return stack.split("\n").flatMap((text) => {
      const match = /^\s+at (.+?)\(.*?\)(?: in (.+):line (\d+))?\s*$/.exec(text);
      if (match === null || match[2] === undefined) return [];
      const own = !/^(System|Microsoft|Npgsql|Grpc|Newtonsoft|OpenTelemetry)\./.test(match[1] ?? "");
      return [{ function: match[1], file: match[2], line: lineOf(match[3]), own }];
    });
  },
};

const ruby: Dialect = {
  sign: /^\s*(?:from )?\S+\.rb:\d+:in ['`]/m,
  frames(stack) {
    return [...stack.matchAll(/^\s*(?:from )?(\S+\.(?:rb|erb)):(\d+):in ['`]([^']+)'/gm)].map((match) => {
      const file = match[1] ?? "";
      return {
        function: match[3],
        file,
        line: lineOf(match[2]),
        own: !/\/gems\/|\/ruby\/\d|\/rubygems\/|^<internal:/.test(file),
      };
    });
  },
};

const dialects: Readonly<Record<Language, Dialect>> = { javascript, dotnet, java, python, go, ruby };

const languageNames: Readonly<Record<string, Language>> = {
  nodejs: "javascript",
  webjs: "javascript",
  java: "java",
  python: "python",
  go: "go",
  dotnet: "dotnet",
  ruby: "ruby",
};

/**
 * The frames of a printed stack, innermost first. `sdkLanguage` is `telemetry.sdk.language`; without it, or when the stack is
 * another language's, the text itself tells. Empty when nothing reads as a frame.
 */
export const framesOf = (stack: string, sdkLanguage?: string): Frame[] => {
  // A line of a stack is short; what is longer is data, and not worth a regular expression's time.
  const text = stack
    .slice(0, 65_536)
    .split("\n")
    .filter((line) => line.length < 1024)
    .join("\n");
  const named = languageNames[sdkLanguage ?? ""];
  const first = named === undefined ? [] : dialects[named].frames(text);
  if (first.length > 0) return first;
  for (const dialect of Object.values(dialects)) if (dialect.sign.test(text)) return dialect.frames(text);
  return [];
};

/** The innermost frame in own code: where to look first. */
export const ownFrame = (frames: readonly Frame[]): Frame | undefined => frames.find((frame) => frame.own);

/** `/srv/shop/payments/loyalty.ts` under the root `/srv/shop` is `payments/loyalty.ts`; a path under no root stays as it is. */
export const underRoot = (file: string, sourceRoots: readonly string[]): string => {
  const path = file.replaceAll("\\", "/");
  let longest = "";
  for (const root of sourceRoots) {
    const prefix = root.endsWith("/") ? root : `${root}/`;
    if (path.startsWith(prefix) && prefix.length > longest.length) longest = prefix;
  }
  return longest === "" ? file : path.slice(longest.length);
};
