import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

/** A key and a certificate for it that vouches only for itself, both PEM. */
export interface ServingCertificate {
  key: string;
  cert: string;
}

const validYears = 10;

/**
 * Makes a self-signed P-256 certificate for one IPv4 address. Node's crypto can read X.509 but not write it, so the few
 * DER structures of RFC 5280 that a server certificate needs are put together here.
 */
export function selfSigned(commonName: string, address: string, now: Date): ServingCertificate {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const ecdsaWithSha256 = sequence(objectId(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
  const name = sequence(tagged(0x31, sequence(objectId(0x55, 0x04, 0x03), tagged(0x0c, Buffer.from(commonName)))));
  const until = new Date(now);
  until.setUTCFullYear(until.getUTCFullYear() + validYears);
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x01; // Positive and not zero.
  const ip = Buffer.from(address.split(".").map(Number));
  const alternativeNames = sequence(objectId(0x55, 0x1d, 0x11), tagged(0x04, sequence(tagged(0x87, ip))));
  const toBeSigned = sequence(
    tagged(0xa0, tagged(0x02, Buffer.from([2]))), // Version 3.
    tagged(0x02, serial),
    ecdsaWithSha256,
    name,
    sequence(generalizedTime(now), generalizedTime(until)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    tagged(0xa3, sequence(alternativeNames)),
  );
  const signature = sign("sha256", toBeSigned, privateKey);
  const certificate = sequence(toBeSigned, ecdsaWithSha256, tagged(0x03, Buffer.from([0]), signature));
  const lines = certificate.toString("base64").replaceAll(/(.{64})/g, "$1\n");
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${lines.trimEnd()}\n-----END CERTIFICATE-----\n`,
  };
}

/** Tag, length, content (X.690, definite form). */
function tagged(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  if (content.length < 128) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const length: number[] = [];
  for (let rest = content.length; rest > 0; rest = Math.floor(rest / 256)) length.unshift(rest % 256);
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length, ...length]), content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return tagged(0x30, ...parts);
}

function objectId(...bytes: number[]): Buffer {
  return tagged(0x06, Buffer.from(bytes));
}

function generalizedTime(time: Date): Buffer {
  const digits = time.toISOString().replaceAll(/[-:T]|\.\d+/g, ""); // 20261124020800Z
  // RFC 5280 wants UTCTime until 2049 and GeneralizedTime after.
  return time.getUTCFullYear() < 2050 ? tagged(0x17, Buffer.from(digits.slice(2))) : tagged(0x18, Buffer.from(digits));
}
