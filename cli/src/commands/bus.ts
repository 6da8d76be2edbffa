import { InvalidArgumentError, type Command } from "commander";
import { busUsers, nkeyVariable } from "@omega/bus-schemas/access.ts";
import { omegaStream } from "@omega/bus-schemas/streams.ts";
import { busIdentity, makeBusIdentity } from "@omega/shared/bus-identity.ts";
import { installBus } from "@omega/shared/nats-bus.ts";
import { busUrl } from "../bus-session.ts";
import { CommandFailure, exitCode } from "../exit-code.ts";
import { commandContext } from "./context.ts";

interface InstallOptions {
  readonly server?: string;
  readonly replicas: number;
  readonly maxGib: number;
}

const gibibyte = 1024 ** 3;

/** For a fleet's own nats-servers; `omega up` does both for its embedded one. */
export function addBus(program: Command): void {
  const bus = program
    .command("bus")
    .description("give a fleet's nats-servers their users, and make the stream there (omega up does both by itself)");
  bus
    .command("keys")
    .description("print the public nkey of each user of the bus, making those that are missing in $OMEGA_HOME/keys")
    .option("--json", "as a JSON object")
    .addHelpText(
      "after",
      "\nThe lines are an environment file for nats-server with infra/nats/nats-server.conf. Give each process its own <user>.nk and no other.\n\nExample:\n  omega bus keys > nats.env",
    )
    .action(({ json }: { json?: boolean }) => {
      const { home, say } = commandContext();
      const named = busUsers.filter((user) => user !== "viewer");
      const keys = named.map((user) => [nkeyVariable(user), makeBusIdentity(busIdentity(home.keys, user))] as const);
      if (json === true) say(JSON.stringify(Object.fromEntries(keys)));
      else for (const [name, nkey] of keys) say(`${name}=${nkey}`);
    });
  bus
    .command("install")
    .description("make the stream, the agents' durables and the leases, or check those that are there")
    .option("--server <url>", "nats://host:port")
    .option(
      "--replicas <n>",
      "on how many servers of a cluster each message is stored",
      count,
      Number(omegaStream.replicas),
    )
    .option(
      "--max-gib <n>",
      "how large the stream may become; it then takes no more",
      count,
      omegaStream.maxBytes / gibibyte,
    )
    .addHelpText(
      "after",
      "\nSigns in by $OMEGA_HOME/keys/installer.nk. Nothing that exists is changed: what differs is named, exit code 78.\n\nExamples:\n  omega bus install --server nats://nats.omega:4222 --replicas 3",
    )
    .action(async ({ server, replicas, maxGib }: InstallOptions) => {
      const { home, say } = commandContext();
      const url = busUrl(home, server, process.env);
      const installed = await installBus({
        servers: [url],
        name: "omega-install",
        identity: busIdentity(home.keys, "installer"),
        limits: { replicas, maxBytes: maxGib * gibibyte },
      });
      if (!installed.ok) {
        const { code, message } = installed.failure;
        throw new CommandFailure(code === "stream_differs" ? exitCode.config : exitCode.unavailable, message);
      }
      say(`${url} holds the stream ${omegaStream.name} in ${replicas === 1 ? "one copy" : `${replicas} copies`}.`);
    });
}

function count(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError("a whole number of 1 or more");
  return number;
}
