import type { Log } from "@omega/shared/log.ts";
import { KubernetesClient } from "./adapters/kubernetes-client.ts";
import { SshClient } from "./adapters/ssh-client.ts";
import { WebhookClient } from "./adapters/webhook-client.ts";
import type { SurgeonConfig } from "./config.ts";
import type { Clients } from "./ports.ts";

type ClientsConfig = Pick<SurgeonConfig, "kubernetes" | "deadlines" | "ssh" | "webhooks">;

/** The real clients of everything that actions may talk to. */
export function openClients(
  config: ClientsConfig,
  log: Log,
  environment: Readonly<Record<string, string | undefined>>,
): { clients: Clients; readonly close: () => void } {
  const kubernetes = new KubernetesClient({ ...config.kubernetes, callDeadlineMs: config.deadlines.callMs });
  const ssh = new SshClient(config.ssh, log);
  return {
    clients: {
      kubernetes,
      ssh: { config: config.ssh, shell: ssh },
      webhooks: { config: config.webhooks, http: new WebhookClient(config.webhooks, environment) },
    },
    close() {
      kubernetes.close();
      ssh.close();
    },
  };
}
