import { z } from "zod";
import { absolutePathSchema, nameSchema, parametersSchema, placeholdersOf } from "./parameters.ts";

const wordsSchema = z.array(z.string().min(1).max(4096)).min(1).max(64);
const hostsSchema = z.array(nameSchema).min(1);

const hostSchema = z.strictObject({
  address: z.string().min(1).max(253),
  port: z.number().int().min(1).max(65_535).default(22),
  user: z.string().min(1).max(64),
  identity: z.string().min(1).describe("Path of a private key without passphrase, readable by its owner only."),
  forcedCommand: z
    .boolean()
    .default(false)
    .describe("The key has a forced command (docs/ssh.md): the host keeps its own list of what may run."),
  connectMs: z.number().int().min(100).max(120_000).default(10_000),
  runMs: z
    .number()
    .int()
    .min(100)
    .max(3_600_000)
    .default(30_000)
    .describe("One command; at the deadline its process group is killed."),
});

/** A change that a command makes, with the commands that look at it, prove it and take it back. */
const commandSchema = z.strictObject({
  says: z.string().min(1).max(512),
  hosts: hostsSchema,
  params: parametersSchema.default({}),
  check: wordsSchema.describe("The dry-run: exits with 0 if `run` would be accepted; changes nothing."),
  before: wordsSchema.describe("Prints the state as one line; changes nothing."),
  run: wordsSchema,
  after: z.string().max(4096).describe("What `before` prints once `run` has worked."),
  undo: wordsSchema.describe("Takes it back; `{before}` is the state that `before` printed."),
});
export type CommandTemplate = z.infer<typeof commandSchema>;

const serviceSchema = z.strictObject({
  hosts: hostsSchema,
  check: wordsSchema.describe("The dry-run: exits with 0 if the service could start, such as `nginx -t`."),
  active: wordsSchema.describe("Exits with 0 if the service is active: `systemctl is-active --quiet NAME`."),
  instance: wordsSchema.describe(
    "Prints one line that differs for each start: `systemctl show --property=InvocationID --value NAME`.",
  ),
  restart: wordsSchema,
  stop: wordsSchema.describe("Only to take back the start of a service that was not active."),
});
export type ServiceTemplate = z.infer<typeof serviceSchema>;

const diskSchema = z.strictObject({
  hosts: hostsSchema,
  path: absolutePathSchema.describe("Files below it are freed; symbolic links and other file systems are not entered."),
  names: z
    .array(
      z
        .string()
        .min(1)
        .max(255)
        .regex(/^[^/\p{C}]+$/u, "must be a name, not a path"),
    )
    .min(1)
    .max(16)
    .describe("Names of the files, with `*` and `?`."),
  olderThanMinutes: z.number().int().min(1),
  quarantine: absolutePathSchema.describe(
    "A folder on another file system of the same host, where the files wait for somebody to delete them or to take them back.",
  ),
  filesMax: z.number().int().min(1).max(256).default(64),
});
export type DiskTemplate = z.infer<typeof diskSchema>;

/** The `ssh` part of Surgeon's configuration. Agents choose names from it and fill in typed parameters; they write no command. */
export const sshConfigSchema = z
  .strictObject({
    knownHosts: z.string().default("").describe("Path of a known_hosts file: the only host keys that are believed."),
    hosts: z.record(nameSchema, hostSchema).default({}),
    roots: z
      .record(nameSchema, absolutePathSchema)
      .default({})
      .describe("Folders that parameters of type `path` lie below."),
    commands: z.record(nameSchema, commandSchema).default({}),
    services: z.record(nameSchema, serviceSchema).default({}),
    disks: z.record(nameSchema, diskSchema).default({}),
  })
  .superRefine((config, context) => {
    const complain = (path: (string | number)[], message: string): void =>
      context.addIssue({ code: "custom", path, message });
    if (Object.keys(config.hosts).length > 0 && config.knownHosts === "") {
      complain(["knownHosts"], "is needed: no host key is believed that is not in it");
    }
    for (const family of ["commands", "services", "disks"] as const) {
      for (const [name, { hosts }] of Object.entries<{ hosts: string[] }>(config[family])) {
        for (const [index, host] of hosts.entries()) {
          if (!Object.hasOwn(config.hosts, host))
            complain([family, name, "hosts", index], `no host '${host}' is configured`);
        }
      }
    }
    for (const [name, template] of Object.entries(config.services)) {
      for (const part of ["check", "active", "instance", "restart", "stop"] as const) {
        if (placeholdersOf(template[part]).length > 0) complain(["services", name, part], "takes no parameters");
      }
    }
    for (const [name, { path, quarantine }] of Object.entries(config.disks)) {
      if (`${quarantine}/`.startsWith(`${path}/`) || `${path}/`.startsWith(`${quarantine}/`)) {
        complain(["disks", name, "quarantine"], "must lie outside of the path that is freed");
      }
    }
    for (const [name, template] of Object.entries(config.commands)) {
      for (const [part, message] of mistakesIn(template, config.roots)) complain(["commands", name, part], message);
    }
  });
export type SshConfig = z.infer<typeof sshConfigSchema>;
export type SshHost = z.infer<typeof hostSchema>;

function mistakesIn(template: CommandTemplate, roots: Readonly<Record<string, string>>): [string, string][] {
  const mistakes: [string, string][] = [];
  for (const part of ["check", "before", "run", "after", "undo"] as const) {
    const words = part === "after" ? [template.after] : template[part];
    for (const placeholder of placeholdersOf(words)) {
      const known = Object.hasOwn(template.params, placeholder) || (part === "undo" && placeholder === "before");
      if (!known) mistakes.push([part, `no parameter '${placeholder}' is declared`]);
    }
    if (part !== "after" && placeholdersOf(words.slice(0, 1)).length > 0) {
      mistakes.push([part, "must name its program without placeholders"]);
    }
  }
  for (const [name, parameter] of Object.entries(template.params)) {
    if (name === "before") mistakes.push(["params", "'before' is taken: it is what the command of that name printed"]);
    if (parameter.type === "path" && !Object.hasOwn(roots, parameter.root)) {
      mistakes.push(["params", `no root '${parameter.root}' is configured`]);
    }
  }
  return mistakes;
}
