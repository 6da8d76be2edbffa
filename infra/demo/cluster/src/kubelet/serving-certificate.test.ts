import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { selfSigned } from "./serving-certificate.ts";

test("the certificate is for its address, of its key, and signed by itself", () => {
  const { cert } = selfSigned("omega-kubelet", "127.0.0.1", new Date("2026-11-24T02:08:20Z"));
  const parsed = new X509Certificate(cert);
  assert.equal(parsed.subject, "CN=omega-kubelet");
  assert.equal(parsed.checkIP("127.0.0.1"), "127.0.0.1");
  assert.ok(parsed.verify(parsed.publicKey));
  assert.equal(parsed.validFromDate.toISOString(), "2026-11-24T02:08:20.000Z");
  assert.equal(parsed.validToDate.toISOString(), "2036-11-24T02:08:20.000Z");
});

test("a certificate that ends after 2049 is dated in the long form", () => {
  const { cert } = selfSigned("later", "127.0.0.1", new Date("2045-01-01T00:00:00Z"));
  assert.equal(new X509Certificate(cert).validToDate.toISOString(), "2055-01-01T00:00:00.000Z");
});
