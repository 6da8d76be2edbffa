import type { OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { printable } from "./terminal.ts";
import type { Told } from "./timeline.ts";

/** How the first new pod of a rollout does, in words for people. */
export function tellCanary(event: OmegaEvent): Told[] | undefined {
  switch (event.type) {
    case "canary.held": {
      const { pod, of, workload } = event.data;
      return [
        {
          tone: "plain",
          text: `Pod ${printable(pod.name, 80)} goes first, of ${of} of ${printable(workload, 80)}; the others wait`,
        },
      ];
    }
    case "canary.ended": {
      const { verdict, says } = event.data;
      const tones = { success: "good", failed: "bad", inconclusive: "warn" } as const;
      return [{ tone: tones[verdict], text: `First pod: ${verdict}. ${printable(says)}` }];
    }
    default:
      return undefined;
  }
}
