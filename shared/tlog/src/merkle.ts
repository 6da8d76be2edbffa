import { hash } from "node:crypto";
import { type Checked, passed, refused } from "./checked.ts";
import { equalBytes } from "./encoding.ts";

/**
 * The Merkle tree of RFC 6962 section 2.1 and RFC 9162 section 2.1, over SHA-256: what a tree's root is, how it grows
 * one leaf at a time, which nodes a proof consists of, and how a proof is checked. Nothing here reads or writes.
 *
 * Sizes and indices are plain numbers up to 2^53 - 1; halving is by division because bit operators stop at 2^31.
 */

/** 32 bytes of SHA-256. */
export type Hash = Uint8Array;

export const hashBytes = 32;

const leafPrefix = Uint8Array.of(0x00);
const nodeInput = new Uint8Array(1 + 2 * hashBytes);
nodeInput[0] = 0x01;

export function sha256(bytes: Uint8Array): Hash {
  return hash("sha256", bytes, "buffer");
}

/** The root of a tree with no leaves: SHA-256 of nothing (RFC 9162 section 2.1.1). */
export const emptyRoot: Hash = sha256(new Uint8Array(0));

/** SHA-256(0x00 || entry). */
export function hashLeaf(entry: Uint8Array): Hash {
  return sha256(Buffer.concat([leafPrefix, entry]));
}

/** SHA-256(0x01 || left || right). */
export function hashChildren(left: Hash, right: Hash): Hash {
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + hashBytes);
  return sha256(nodeInput);
}

/**
 * The right edge of a growing tree: the roots of the perfect subtrees that its size is the binary sum of, the largest
 * first. Enough to append and to know the root, in 32 bytes for each binary digit of the size.
 */
export class CompactRange {
  #size: number;
  readonly #peaks: Hash[];

  constructor(size = 0, peaks: readonly Hash[] = []) {
    this.#size = size;
    this.#peaks = [...peaks];
  }

  get size(): number {
    return this.#size;
  }

  copy(): CompactRange {
    return new CompactRange(this.#size, this.#peaks);
  }

  /** Appends one leaf hash. `completed` hears every perfect subtree that this finishes, with its height (1 = two leaves). */
  append(leaf: Hash, completed?: (height: number, node: Hash) => void): void {
    let node = leaf;
    let height = 0;
    for (let left = this.#size; left % 2 === 1; left = (left - 1) / 2) {
      const sibling = this.#peaks.pop();
      if (sibling === undefined) throw new Error("a compact range holds one peak for each set bit of its size");
      node = hashChildren(sibling, node);
      height++;
      completed?.(height, node);
    }
    this.#peaks.push(node);
    this.#size++;
  }

  root(): Hash {
    return this.#peaks.length === 0 ? emptyRoot : foldPeaks(this.#peaks);
  }
}

/** Joins neighbouring subtrees, left to right and largest first, into the root above them. At least one. */
export function foldPeaks(peaks: readonly Hash[]): Hash {
  const joined = peaks.reduceRight<Hash | undefined>(
    (right, left) => (right === undefined ? left : hashChildren(left, right)),
    undefined,
  );
  if (joined === undefined) throw new Error("there is nothing to fold");
  return joined;
}

export function rootOf(leaves: Iterable<Hash>): Hash {
  const range = new CompactRange();
  for (const leaf of leaves) range.append(leaf);
  return range.root();
}

/** A half-open range of leaves; in this module always one whose hash is a node of some tree. */
export interface LeafRange {
  readonly from: number;
  readonly to: number;
}

/** A perfect subtree: the `index`-th of its height, counting from the left, over `2 ** height` leaves. */
export interface TreeNode {
  readonly height: number;
  readonly index: number;
}

/** The perfect subtrees that cover a range of leaves, left to right; their fold is the range's hash. */
export function perfectNodes({ from, to }: LeafRange): TreeNode[] {
  const nodes: TreeNode[] = [];
  for (let at = from; at < to;) {
    let height = 0;
    while (at % 2 ** (height + 1) === 0 && at + 2 ** (height + 1) <= to) height++;
    nodes.push({ height, index: at / 2 ** height });
    at += 2 ** height;
  }
  return nodes;
}

/** Largest power of two below `count`, which is at least 2. */
function splitOf(count: number): number {
  let split = 1;
  while (split * 2 < count) split *= 2;
  return split;
}

/** The ranges whose hashes prove leaf `index` in a tree of `size`, from the leaf's sibling upwards (RFC 9162 section 2.1.3.1). */
export function inclusionRanges(index: number, size: number): LeafRange[] {
  const ranges: LeafRange[] = [];
  let from = 0;
  let to = size;
  while (to - from > 1) {
    const middle = from + splitOf(to - from);
    if (index < middle) {
      ranges.push({ from: middle, to });
      to = middle;
    } else {
      ranges.push({ from, to: middle });
      from = middle;
    }
  }
  return ranges.toReversed();
}

/** The ranges whose hashes prove that the tree of `oldSize` begins the tree of `newSize` (RFC 9162 section 2.1.4.1). */
export function consistencyRanges(oldSize: number, newSize: number): LeafRange[] {
  const ranges: LeafRange[] = [];
  let from = 0;
  let to = newSize;
  while (to > oldSize) {
    const middle = from + splitOf(to - from);
    if (oldSize <= middle) {
      ranges.push({ from: middle, to });
      to = middle;
    } else {
      ranges.push({ from, to: middle });
      from = middle;
    }
  }
  // Coming down the left edge all the way, the last range is the old tree itself, which the verifier already has.
  if (from > 0) ranges.push({ from, to });
  return ranges.toReversed();
}

export interface InclusionClaim {
  readonly index: number;
  readonly size: number;
  readonly leaf: Hash;
  readonly proof: readonly Hash[];
  readonly root: Hash;
}

/** Checks that `leaf` is the `index`-th leaf of the tree with this size and root (RFC 9162 section 2.1.3.2). */
export function verifyInclusion(claim: InclusionClaim): Checked<void> {
  const { index, size, leaf, proof, root } = claim;
  if (!isCount(index) || !isCount(size)) return refused("index and size must be whole numbers up to 2^53 - 1");
  if (index >= size) return refused(`index ${index} lies outside a tree of size ${size}`);
  const malformed = malformedHash([leaf, root, ...proof]);
  if (malformed !== undefined) return refused(malformed);
  let at = index;
  let last = size - 1;
  let node = leaf;
  for (const sibling of proof) {
    if (last === 0) return refused("the inclusion proof is longer than the path to the root");
    if (at % 2 === 1 || at === last) {
      node = hashChildren(sibling, node);
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, half(last)];
    } else {
      node = hashChildren(node, sibling);
    }
    [at, last] = [half(at), half(last)];
  }
  if (last !== 0) return refused("the inclusion proof is shorter than the path to the root");
  return equalBytes(node, root) ? passed(undefined) : refused("the inclusion proof leads to another root");
}

export interface ConsistencyClaim {
  readonly oldSize: number;
  readonly newSize: number;
  readonly oldRoot: Hash;
  readonly newRoot: Hash;
  readonly proof: readonly Hash[];
}

/**
 * Checks that the old tree begins the new one (RFC 9162 section 2.1.4.2). An old size of zero is refused: every tree
 * begins with the empty one, so such a proof says nothing and asking for it is a mistake.
 */
export function verifyConsistency(claim: ConsistencyClaim): Checked<void> {
  const { oldSize, newSize, oldRoot, newRoot, proof } = claim;
  if (!isCount(oldSize) || !isCount(newSize)) return refused("sizes must be whole numbers up to 2^53 - 1");
  if (oldSize === 0) return refused("consistency with the empty tree proves nothing");
  if (oldSize > newSize) return refused(`size ${newSize} is smaller than the older size ${oldSize}`);
  if (oldSize === newSize) {
    if (proof.length > 0) return refused("equal sizes need an empty consistency proof");
    return equalBytes(oldRoot, newRoot) ? passed(undefined) : refused(`two different roots for size ${oldSize}`);
  }
  const malformed = malformedHash([oldRoot, newRoot, ...proof]);
  if (malformed !== undefined) return refused(malformed);
  const path = isPowerOfTwo(oldSize) ? [oldRoot, ...proof] : proof;
  const [seed, ...rest] = path;
  if (proof.length === 0 || seed === undefined) return refused("the consistency proof is empty");
  return followConsistency(claim, seed, rest);
}

function followConsistency(claim: ConsistencyClaim, seed: Hash, path: readonly Hash[]): Checked<void> {
  let at = claim.oldSize - 1;
  let last = claim.newSize - 1;
  while (at % 2 === 1) [at, last] = [half(at), half(last)];
  let oldNode = seed;
  let newNode = seed;
  for (const sibling of path) {
    if (last === 0) return refused("the consistency proof is longer than the path to the root");
    if (at % 2 === 1 || at === last) {
      oldNode = hashChildren(sibling, oldNode);
      newNode = hashChildren(sibling, newNode);
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, half(last)];
    } else {
      newNode = hashChildren(newNode, sibling);
    }
    [at, last] = [half(at), half(last)];
  }
  if (last !== 0) return refused("the consistency proof is shorter than the path to the root");
  if (!equalBytes(oldNode, claim.oldRoot)) return refused("the consistency proof leads to another old root");
  if (!equalBytes(newNode, claim.newRoot)) return refused("the consistency proof leads to another new root");
  return passed(undefined);
}

function half(value: number): number {
  return Math.floor(value / 2);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isPowerOfTwo(value: number): boolean {
  let rest = value;
  while (rest > 1 && rest % 2 === 0) rest /= 2;
  return rest === 1;
}

function malformedHash(hashes: readonly Hash[]): string | undefined {
  const bad = hashes.find((candidate) => candidate.length !== hashBytes);
  return bad === undefined ? undefined : `a SHA-256 hash has ${hashBytes} bytes, not ${bad.length}`;
}
