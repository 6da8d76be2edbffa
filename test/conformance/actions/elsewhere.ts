import { sshConfigSchema } from "../../../agents/surgeon/src/ssh/ssh-config.ts";
import type { RemoteShell } from "../../../agents/surgeon/src/ssh/remote-shell.ts";
import type { Clients } from "../../../agents/surgeon/src/ports.ts";

const noSsh = (): Promise<never> => Promise.reject(new Error("no SSH here"));
export const noShell: RemoteShell = { run: noSsh, fence: noSsh };

/** A Kubernetes action that reached for anything else would fail here. */
export const elsewhere: Omit<Clients, "kubernetes"> = {
  ssh: { config: sshConfigSchema.parse({}), shell: noShell },
  webhooks: { config: { targets: {} }, http: { send: () => Promise.reject(new Error("no webhooks here")) } },
};
