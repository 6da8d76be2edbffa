import type { OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { IncidentView } from "@omega/shared/incident-view.ts";

const episodesMax = 1000;

/** The zero of the timeline's clock for each event: its incident's onset, or since when its signal had been firing. */
export class Onsets {
  readonly #episodes = new Map<string, number>();

  of(event: OmegaEvent, incidents: ReadonlyMap<string, IncidentView>): number {
    const said = Date.parse(event.time);
    if (event.type === "signal.detected") return this.#begin(event.data.signalId, Date.parse(event.data.since));
    if (event.type === "signal.cleared") return this.#episodes.get(event.data.signalId) ?? said;
    return incidents.get(event.incidentid ?? "")?.onset ?? said;
  }

  #begin(signalId: string, since: number): number {
    this.#episodes.set(signalId, since);
    const [oldest] = this.#episodes.keys();
    if (this.#episodes.size > episodesMax && oldest !== undefined) this.#episodes.delete(oldest);
    return since;
  }
}
