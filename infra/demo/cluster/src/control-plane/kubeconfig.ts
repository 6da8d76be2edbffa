import { renameSync, writeFileSync } from "node:fs";

export interface KubeconfigContent {
  url: string;
  certificate: string;
  token: string;
}

/** Writes the file whole or not at all, readable by its owner alone. */
export function writeKubeconfig(path: string, content: KubeconfigContent): void {
  const name = "omega";
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name,
        cluster: {
          server: content.url,
          "certificate-authority-data": Buffer.from(content.certificate).toString("base64"),
        },
      },
    ],
    users: [{ name: "admin", user: { token: content.token } }],
    contexts: [{ name, context: { cluster: name, user: "admin" } }],
    "current-context": name,
  };
  // JSON is YAML, and every client reads it.
  writeFileSync(`${path}.new`, JSON.stringify(config, null, 2) + "\n", { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
