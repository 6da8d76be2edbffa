import { MemoryBus } from "@omega/shared/memory-bus.ts";
import { busContract } from "./bus-contract.ts";

busContract("MemoryBus", () => {
  const bus = new MemoryBus();
  return Promise.resolve({ bus, close: () => bus.close() });
});
