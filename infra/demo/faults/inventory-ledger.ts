import { badRelease } from "./fault.ts";

export const inventoryLedger = badRelease({
  name: "inventory-ledger",
  service: "inventory",
  from: "2.0.0",
  to: "2.1.0",
  change: "inventory 2.1.0 takes what is available from the stock ledger",
  effect:
    "a page of products costs one query a product, each over a ledger without an index: pages get many times slower",
});
