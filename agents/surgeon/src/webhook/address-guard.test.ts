import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { isAddressRange, refusalOfAddress } from "./address-guard.ts";

const runs = { numRuns: 1000, seed: 20_261_124 };
const byte = fc.integer({ min: 0, max: 255 });

/** An IPv4 address of a network that is not the public internet. */
const hostileIpv4 = fc
  .tuple(
    fc.constantFrom<[number, number, number, number]>(
      ...([
        [0, 0, 0, 0],
        [10, 0, 0, 0],
        [127, 0, 0, 0],
        [172, 16, 0, 0],
        [192, 168, 0, 0],
        [169, 254, 0, 0],
        [100, 64, 0, 0],
        [192, 0, 2, 0],
        [198, 18, 0, 0],
        [198, 51, 100, 0],
        [203, 0, 113, 0],
        [224, 0, 0, 0],
        [240, 0, 0, 0],
        [168, 63, 129, 16],
      ] as [number, number, number, number][]),
    ),
    byte,
    byte,
    byte,
  )
  .map(([[a, b, c, d], x, y, z]) => {
    // As many free bytes as the smallest network of that first byte allows.
    if ([10, 127, 0].includes(a)) return [a, x, y, z];
    if (a === 224 || a === 240) return [a + (x % 16), x, y, z];
    if (a === 172) return [a, 16 + (x % 16), y, z];
    if (a === 100) return [a, 64 + (x % 64), y, z];
    if (a === 198 && b === 18) return [a, 18 + (x % 2), y, z];
    if (c === 0 && d === 0) return a === 192 && b === 0 ? [a, b, 2, z] : [a, b, y, z];
    return d === 16 ? [a, b, c, d] : [a, b, c, z];
  });

const hextet = fc.integer({ min: 0, max: 0xffff }).map((word) => word.toString(16));
const pair = ([a = 0, b = 0, c = 0, d = 0]: number[]): string =>
  `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
const anyIpv4 = fc.tuple(byte, byte, byte, byte).map((bytes) => [...bytes]);

const hostile = fc.oneof(
  hostileIpv4.map((bytes) => bytes.join(".")),
  // What stands for an IPv4 address, in each spelling, whichever address it is.
  anyIpv4.map((bytes) => `::ffff:${bytes.join(".")}`),
  anyIpv4.map((bytes) => `0:0:0:0:0:FFFF:${pair(bytes)}`),
  anyIpv4.map((bytes) => `64:ff9b::${bytes.join(".")}`),
  anyIpv4.map((bytes) => `64:ff9b:1::${pair(bytes)}`),
  anyIpv4.map((bytes) => `::${bytes.join(".")}`),
  anyIpv4.map((bytes) => `2002:${pair(bytes)}::1`),
  fc.tuple(hextet, hextet).map(([a, b]) => `2001:0:${a}::${b}`),
  // Loopback, unspecified, unique local, link-local, multicast, discard, documentation.
  fc.constantFrom(
    "::",
    "::1",
    "0:0:0:0:0:0:0:1",
    "fd00:ec2::254",
    "ff02::1",
    "100::1",
    "2001:db8::1",
    "3fff::1",
    "fe80::1%eth0",
  ),
  fc
    .tuple(fc.constantFrom("fc", "fd", "ff"), byte, hextet)
    .map(([head, low, tail]) => `${head}${low.toString(16).padStart(2, "0")}::${tail}`),
  fc.tuple(fc.integer({ min: 0xfe80, max: 0xfeff }), hextet).map(([head, tail]) => `${head.toString(16)}::${tail}`),
  // No address at all, or one that only some parsers read.
  fc.constantFrom(
    "",
    "localhost",
    "0x7f.1",
    "2130706433",
    "127.1",
    "0177.0.0.1",
    "127.0.0.1.",
    "1.1.1.1/8",
    "[::1]",
    " 1.1.1.1",
  ),
);

it("1,000 hostile addresses: none passes", () => {
  fc.assert(
    fc.property(hostile, (address) => assert.notEqual(refusalOfAddress(address), undefined, address)),
    runs,
  );
});

it("public addresses pass", () => {
  for (const address of [
    "1.1.1.1",
    "8.8.8.8",
    "140.82.112.3",
    "172.15.0.1",
    "172.32.0.1",
    "100.128.0.1",
    "2606:4700::1111",
    "2a00:1450:4001::1",
  ]) {
    assert.equal(refusalOfAddress(address), undefined, address);
  }
});

it("a target opens exactly the ranges that it names", () => {
  assert.equal(refusalOfAddress("10.1.2.3", ["10.1.0.0/16"]), undefined);
  assert.notEqual(refusalOfAddress("10.2.2.3", ["10.1.0.0/16"]), undefined);
  assert.notEqual(refusalOfAddress("::ffff:10.1.2.3", ["10.1.0.0/16"]), undefined);
  assert.equal(refusalOfAddress("fd12::1", ["10.0.0.0/8", "fd12::/16"]), undefined);
});

it("ranges are a network and a prefix", () => {
  for (const range of ["10.0.0.0/8", "::1/128", "127.0.0.1/32"]) assert.equal(isAddressRange(range), true, range);
  for (const range of ["10.0.0.0", "10.0.0.0/33", "::/129", "a/8", "10.0.0.0/8/8", "10.0.0.0/-1", ""])
    assert.equal(isAddressRange(range), false, range);
});
