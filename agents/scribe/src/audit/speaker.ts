import type { Draft, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { Outcome } from "@omega/shared/outcome.ts";

/** Says an event on the bus; the same cause and type are the same event. */
export type Speaker = (draft: Draft, causeId: string) => Promise<Outcome<OmegaEvent>>;
