import { BlockList, isIP } from "node:net";

/** IPv4 that is not the public internet (IANA special-purpose registry), and the metadata services that pretend to be. */
const ipv4Refused: readonly (readonly [string, number, string])[] = [
  ["0.0.0.0", 8, "this network"],
  ["10.0.0.0", 8, "private"],
  ["100.64.0.0", 10, "carrier-grade NAT"],
  ["127.0.0.0", 8, "loopback"],
  ["168.63.129.16", 32, "cloud metadata"],
  ["169.254.0.0", 16, "link-local or cloud metadata"],
  ["172.16.0.0", 12, "private"],
  ["192.0.0.0", 24, "protocol assignments"],
  ["192.0.2.0", 24, "documentation"],
  ["192.31.196.0", 24, "AS112"],
  ["192.52.193.0", 24, "AMT"],
  ["192.88.99.0", 24, "6to4 relay"],
  ["192.168.0.0", 16, "private"],
  ["192.175.48.0", 24, "AS112"],
  ["198.18.0.0", 15, "benchmarking"],
  ["198.51.100.0", 24, "documentation"],
  ["203.0.113.0", 24, "documentation"],
  ["224.0.0.0", 4, "multicast"],
  ["240.0.0.0", 4, "reserved or broadcast"],
];

/** Of IPv6 only global unicast may be reached, and of that nothing that stands for another address. */
const ipv6Refused: readonly (readonly [string, number, string])[] = [
  ["2001::", 23, "protocol assignments (Teredo among them)"],
  ["2001:db8::", 32, "documentation"],
  ["2002::", 16, "6to4, which holds an IPv4 address"],
  ["3fff::", 20, "documentation"],
];

const globalUnicast = new BlockList();
globalUnicast.addSubnet("2000::", 3, "ipv6");
const refusals4 = ipv4Refused.map(([net, prefix, why]) => ({ list: listOf(net, prefix, "ipv4"), why }));
const refusals6 = ipv6Refused.map(([net, prefix, why]) => ({ list: listOf(net, prefix, "ipv6"), why }));

/**
 * Why no connection may be made to the address, or nothing. `allowed` are the ranges that the target's configuration opens
 * (`10.1.0.0/16`). What is no address is refused too.
 */
export function refusalOfAddress(address: string, allowed: readonly string[] = []): string | undefined {
  const family = isIP(address);
  if (family === 0 || address.includes("%")) return "is no plain IP address";
  const type = family === 4 ? "ipv4" : "ipv6";
  if (allowed.some((range) => isInRange(address, type, range))) return undefined;
  if (type === "ipv6" && !globalUnicast.check(address, type)) return "is not global unicast";
  const refused = (type === "ipv4" ? refusals4 : refusals6).find(({ list }) => list.check(address, type));
  return refused === undefined ? undefined : `is ${refused.why}`;
}

/** Is it a range as `allowed` has them? */
export function isAddressRange(range: string): boolean {
  const [net = "", prefix = "", ...rest] = range.split("/");
  const family = isIP(net);
  return (
    rest.length === 0 && family !== 0 && /^[0-9]{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128)
  );
}

function isInRange(address: string, type: "ipv4" | "ipv6", range: string): boolean {
  const [net = "", prefix = ""] = range.split("/");
  const rangeType = isIP(net) === 4 ? "ipv4" : "ipv6";
  // An IPv4-mapped address is not what an operator meant who allowed an IPv4 range.
  return rangeType === type && listOf(net, Number(prefix), rangeType).check(address, type);
}

function listOf(net: string, prefix: number, type: "ipv4" | "ipv6"): BlockList {
  const list = new BlockList();
  list.addSubnet(net, prefix, type);
  return list;
}
