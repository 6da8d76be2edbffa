import { KubernetesClient } from "./adapters/kubernetes-client.ts";
import type { SurgeonConfig } from "./config.ts";
import type { Clients } from "./ports.ts";

/** The real clients of everything that actions may talk to. */
export function openClients(config: Pick<SurgeonConfig, "kubernetes" | "deadlines">): {
  clients: Clients;
  readonly close: () => void;
} {
  const kubernetes = new KubernetesClient({ ...config.kubernetes, callDeadlineMs: config.deadlines.callMs });
  return { clients: { kubernetes }, close: () => kubernetes.close() };
}
