import type { MemoryMatch } from "@omega/bus-schemas/vocabulary.ts";
import { ok, type Outcome } from "@omega/shared/outcome.ts";
import type { Memory, Symptom } from "../ports.ts";
import { closest } from "../recall.ts";
import type { Remembered } from "../state.ts";

/** Memory without a store: compares the symptom with everything that the stream remembers, by structure alone. */
export class StructuralMemory implements Memory {
  recall(symptom: Symptom, remembered: Remembered): Promise<Outcome<readonly MemoryMatch[]>> {
    return Promise.resolve(ok(closest(symptom, remembered)));
  }
}
