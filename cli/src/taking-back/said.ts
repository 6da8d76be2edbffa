import { userInfo } from "node:os";
import type { Draft, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { sealEvent, type SealedEvent } from "@omega/shared/event-codec.ts";
import { systemIds } from "@omega/shared/ids.ts";
import { loadSigner } from "@omega/shared/signing.ts";
import type { BusSession } from "../bus-session.ts";
import type { CommandContext } from "../commands/context.ts";
import { CommandFailure, exitCode } from "../exit-code.ts";

export const currentPerson = (): string => userInfo().username;

/** An event in a person's name, signed by the operator key of this folder. */
export function sealedBy(context: CommandContext, by: string, draft: Draft, causeId = systemIds.random()): SealedEvent {
  return sealEvent(draft, {
    signer: loadSigner(context.home.keys, "operator"),
    source: `/omega/operator/${encodeURIComponent(by).slice(0, 200)}`,
    now: context.clock.now(),
    causeId,
  });
}

/** Says it on the bus; answers where the stream stored it. */
export async function sayAs(
  context: CommandContext,
  session: BusSession,
  by: string,
  draft: Draft,
  causeId?: string,
): Promise<{ event: OmegaEvent; seq: number }> {
  const sealed = sealedBy(context, by, draft, causeId);
  const published = await session.bus.publish(sealed);
  if (!published.ok)
    throw new CommandFailure(exitCode.unavailable, `It may not have been stored: ${published.failure.message}`);
  return { event: sealed.event, seq: published.value.seq };
}
