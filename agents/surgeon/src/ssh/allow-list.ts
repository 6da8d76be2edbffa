import type { Parameter, Parameters } from "./parameters.ts";
import { quarantineScript } from "./quarantine.ts";
import { freeSpaceScript, listCommand } from "./disk-commands.ts";
import type { SshConfig } from "./ssh-config.ts";

const placeholder = /\{([A-Za-z][A-Za-z0-9]*)\}/;
const oneLine = ".*";

/**
 * The list for `runner.sh --allow` on a host: every command that Surgeon's templates can become there, and nothing else. Ranges of
 * integers are checked by Surgeon only.
 */
export function allowListFor(config: SshConfig, host: string): string {
  const rules: string[][] = [];
  const onHost = <T extends { readonly hosts: readonly string[] }>(templates: Readonly<Record<string, T>>): T[] =>
    Object.values(templates).filter(({ hosts }) => hosts.includes(host));
  for (const { params, check, before, run, undo } of onHost(config.commands)) {
    for (const words of [check, before, run, undo])
      rules.push(words.map((word) => wordRule(word, params, config.roots)));
  }
  for (const { check, active, instance, restart, stop } of onHost(config.services)) {
    for (const words of [check, active, instance, restart, stop]) rules.push(words.map(literal));
  }
  for (const disk of onHost(config.disks)) {
    rules.push(listCommand(disk).map(literal));
    rules.push(["sh", "-c", freeSpaceScript, "omega-room", disk.path, disk.quarantine].map(literal));
    const fixed = ["sh", "-c", quarantineScript, "omega-quarantine"].map(literal);
    const held = `${literal(disk.quarantine)}/[0-9a-f]{16}`;
    rules.push([
      ...fixed,
      "look|move|back",
      literal(disk.path),
      held,
      String.raw`[0-9]+:[0-9.]+:[0-9]+:[0-9]+:[0-7]+:.+`,
      "...",
    ]);
  }
  const lines = [...new Set(rules.map((words) => words.join("\t")))].toSorted();
  return `# Commands that Surgeon may run on ${host}. Made from its configuration.\n${lines.map((line) => `${line}\n`).join("")}`;
}

/** One word of a template as an expression for the whole argument. */
function wordRule(word: string, params: Parameters, roots: Readonly<Record<string, string>>): string {
  // A split by an expression with a group gives text and names in turn.
  return word
    .split(placeholder)
    .map((part, index) => (index % 2 === 0 ? literal(part) : `(${valueRule(params[part], roots)})`))
    .join("");
}

function valueRule(parameter: Parameter | undefined, roots: Readonly<Record<string, string>>): string {
  switch (parameter?.type) {
    // The state that `before` printed.
    case undefined:
      return oneLine;
    case "enum":
      return parameter.values.map(literal).join("|");
    case "integer":
      return "-?[0-9]{1,16}";
    case "text":
      return parameter.pattern;
    case "path": {
      const step = String.raw`(\.{0,2}[^./][^/]*|\.\.\.[^/]*|\.[^./][^/]*)`;
      return `${literal(roots[parameter.root] ?? "")}(/${step})+`;
    }
  }
}

function literal(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
