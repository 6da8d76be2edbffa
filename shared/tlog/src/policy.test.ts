import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8 } from "./encoding.ts";
import { formatVerifierKey, type NoteSigner } from "./note-key.ts";
import { signNote } from "./note.ts";
import { openWitnessed, parsePolicy } from "./policy.ts";
import { newSigner } from "./test-keys.ts";

const log = newSigner("example.com/log", "log");
const names = ["X1", "X2", "X3", "Y1", "Y2", "Y3"];
const witnesses = new Map(names.map((name) => [name, newSigner(`witness.example/${name}`, "witness")]));
const body = "example.com/log\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

function vkey(name: string): string {
  return formatVerifierKey(witnesses.get(name)?.verifier ?? log.verifier);
}

/** The example of c2sp.org/tlog-policy, with keys. */
const example = [
  "# two of X and one of Y",
  `log ${vkey("log")} https://example.com/log`,
  "",
  ...names.slice(0, 3).map((name) => `witness ${name} ${vkey(name)}`),
  "group X-witnesses 2 X1 X2 X3",
  ...names.slice(3).map((name) => `\twitness\t ${name} ${vkey(name)} https://witness.example/${name} `),
  "group Y-witnesses any Y1 Y2 Y3",
  "group X-and-Y all X-witnesses Y-witnesses",
  "quorum X-and-Y",
  "",
].join("\n");

function cosigned(by: readonly string[], text = body): Uint8Array {
  const signers = by.map((name) => witnesses.get(name)).filter((signer): signer is NoteSigner => signer !== undefined);
  const note = signNote(text, [log, ...signers]);
  assert.ok(note.ok);
  return encodeUtf8(note.value);
}

test("the specification's example counts exactly its quorums", () => {
  const policy = parsePolicy(encodeUtf8(example));
  assert.ok(policy.ok, policy.ok ? "" : policy.reason);
  assert.equal(policy.value.witnesses[3]?.url, "https://witness.example/Y1");
  for (let subset = 0; subset < 64; subset++) {
    const by = names.filter((_name, bit) => (subset >> bit) & 1);
    const expected = by.filter((name) => name.startsWith("X")).length >= 2 && by.some((name) => name.startsWith("Y"));
    assert.equal(openWitnessed(cosigned(by), policy.value).ok, expected, by.join(" "));
  }
});

test("the log has to sign, and a witness's key does not make it one", () => {
  const policy = parsePolicy(encodeUtf8(`log ${vkey("log")}\nwitness X1 ${vkey("X1")}\nquorum X1\n`));
  assert.ok(policy.ok);
  const signer = witnesses.get("X1");
  assert.ok(signer);
  const unsigned = signNote(body, [signer]);
  assert.ok(unsigned.ok);
  assert.equal(openWitnessed(encodeUtf8(unsigned.value), policy.value).ok, false);
  assert.equal(openWitnessed(cosigned(["X1"]), policy.value).ok, true);
  assert.equal(openWitnessed(cosigned(["X1"], body.replace("log", "log2")), policy.value).ok, false);
});

test("malformed policies are refused at their line", () => {
  const cases: [string, RegExp][] = [
    ["", /no quorum line/],
    ["quorum none\nquorum none", /line 2: there is a quorum line already/],
    ["quorum X1", /line 1: X1 is not defined above/],
    [`witness X1 ${vkey("log")}\nquorum none`, /line 1: .* is not the key of a witness/],
    [`log ${vkey("X1")}\nquorum none`, /line 1: .* is not the key of a log/],
    [`log ${vkey("log")}\nlog ${vkey("log")}\nquorum none`, /line 2: the same public key/],
    [`witness a ${vkey("X1")}\nwitness b ${vkey("X1")}\nquorum none`, /line 2: the same public key/],
    [`witness none ${vkey("X1")}\nquorum none`, /line 1: the name none is taken/],
    [`witness a ${vkey("X1")}\nwitness a ${vkey("X2")}\nquorum none`, /line 2: the name a is taken/],
    [`witness a ${vkey("X1")}\ngroup g 2 a\nquorum g`, /line 2: the threshold is/],
    [`witness a ${vkey("X1")}\ngroup g 0 a\nquorum g`, /line 2: the threshold is/],
    [`witness a ${vkey("X1")}\ngroup g 01 a\nquorum g`, /line 2: the threshold is/],
    [`witness a ${vkey("X1")}\ngroup g any a a\nquorum g`, /line 2: a is in a group already/],
    [`witness a ${vkey("X1")}\ngroup g any a\ngroup h any a\nquorum g`, /line 3: a is in a group already/],
    ["group g any none\nquorum g", /line 1: none is not defined above/],
    ["group g any\nquorum none", /line 1: a group line is/],
    ["qourum none", /line 1: qourum is not one of/],
    ["quorum none\r", /line 1: a control character/],
  ];
  for (const [text, expected] of cases) {
    const policy = parsePolicy(encodeUtf8(text));
    assert.ok(!policy.ok, text);
    assert.match(policy.reason, expected);
  }
  assert.ok(parsePolicy(encodeUtf8("quorum none\n")).ok);
});
