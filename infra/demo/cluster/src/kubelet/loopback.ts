import { createHash } from "node:crypto";

// Loopback addresses by use: pods in 127.64.0.0/10, services in 127.128.0.0/10. 127.0.0.1 stays the node's own.
const blocks = { pod: 64, service: 128 };

/**
 * The n-th choice of a loopback address for something with a name: the same name always gives the same sequence of
 * addresses, in whatever order names come. Linux answers on all of 127.0.0.0/8 without any set-up.
 */
export function loopbackAddress(use: keyof typeof blocks, name: string, choice: number): string {
  const [a = 0, b = 0, c = 0] = createHash("sha256").update(`${use}/${name}/${choice}`).digest();
  // 0 and 255 at the end are taken for network and broadcast addresses by some software.
  return `127.${blocks[use] + (a % 64)}.${b}.${1 + (c % 254)}`;
}
