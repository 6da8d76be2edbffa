import { badRelease } from "./fault.ts";

export const recommendationsMemory = badRelease({
  name: "recommendations-memory",
  service: "recommendations",
  from: "1.1.0",
  to: "1.2.0",
  change: "recommendations 1.2.0 shows a visitor something new with every page",
  effect: "memory grows with every page view until the container's limit, because no remembered ranking is ever found",
});
