// The server's self-signed certificate, kept in the state directory so that kubeconfigs stay valid over restarts.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Certificate {
  key: string;
  cert: string;
}

const validDays = 3_650;

/** Reads the pair in `dir`, or makes one for 127.0.0.1 and localhost. */
export async function certificateIn(dir: string, nowMs: number): Promise<Certificate> {
  const keyFile = join(dir, "server.key");
  const certFile = join(dir, "server.crt");
  if (existsSync(keyFile) && existsSync(certFile)) {
    return { key: readFileSync(keyFile, "utf8"), cert: readFileSync(certFile, "utf8") };
  }
  // Loaded only when needed: most starts find a certificate.
  const { generate } = await import("selfsigned");
  const made = await generate([{ name: "commonName", value: "omega-control-plane" }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    notBeforeDate: new Date(nowMs - 3_600_000),
    notAfterDate: new Date(nowMs + validDays * 86_400_000),
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      {
        name: "subjectAltName",
        // 7 is an address, 2 a DNS name (RFC 5280, GeneralName).
        altNames: [
          { type: 7, ip: "127.0.0.1" },
          { type: 2, value: "localhost" },
        ],
      },
    ],
  });
  writeFileSync(keyFile, made.private, { mode: 0o600 });
  writeFileSync(certFile, made.cert);
  return { key: made.private, cert: made.cert };
}
