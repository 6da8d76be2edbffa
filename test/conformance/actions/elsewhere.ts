import { sshConfigSchema } from "../../../agents/surgeon/src/ssh/ssh-config.ts";
import type { Clients } from "../../../agents/surgeon/src/ports.ts";

/** A Kubernetes action that reached for anything else would fail here. */
export const elsewhere: Omit<Clients, "kubernetes"> = {
  ssh: { config: sshConfigSchema.parse({}), shell: { run: () => Promise.reject(new Error("no SSH here")) } },
  webhooks: { config: { targets: {} }, http: { send: () => Promise.reject(new Error("no webhooks here")) } },
};
