import type { ShopCluster } from "./shop-cluster.ts";

/** A change that went wrong: made the ordinary way, and told to nobody. */
export interface Fault {
  /** What a person types, e.g. `payments-voucher-books`. */
  name: string;
  /** What was changed, in the words of the one who did it. */
  change: string;
  /** What comes of it. */
  effect: string;
  /** The Deployment that is changed, in namespace `shop`. */
  service: string;
  inject: (shop: ShopCluster) => Promise<void>;
  /** Puts back what was there before; doing it twice, or without the fault, does no harm. */
  revert: (shop: ShopCluster) => Promise<void>;
}

/** A new version of a service. */
export function badRelease(release: {
  name: string;
  service: string;
  from: string;
  to: string;
  change: string;
  effect: string;
}): Fault {
  const { name, service, from, to, change, effect } = release;
  return {
    name,
    service,
    change,
    effect,
    inject: (shop) => shop.rollOut(service, to),
    revert: (shop) => shop.rollOut(service, from),
  };
}

/** A changed setting of a service. */
export function badSetting(edit: {
  name: string;
  service: string;
  setting: string;
  from: string;
  to: string;
  change: string;
  effect: string;
}): Fault {
  const { name, service, setting, from, to, change, effect } = edit;
  return {
    name,
    service,
    change,
    effect,
    inject: (shop) => shop.configure(service, setting, to),
    revert: (shop) => shop.configure(service, setting, from),
  };
}
