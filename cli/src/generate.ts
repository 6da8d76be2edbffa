import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { installation } from "./home.ts";
import { runNode } from "./node-run.ts";
import { processes, processNames, type ProcessName } from "./processes.ts";
import { configurationDocument, fileSchemaSchema, type FileSchema } from "./configuration-document.ts";

// Writes the JSON Schema of each process's config file, for editors, and docs/configuration.md, from what the processes themselves say.

const folder = join(installation, "infra", "config", "schemas");
mkdirSync(folder, { recursive: true });
const schemas: [ProcessName, FileSchema][] = [];
for (const name of processNames) {
  const { stdout, stderr, code } = await runNode([join(installation, processes[name]), "--schema"]);
  if (code !== 0) throw new Error(`${name} --schema ended with ${code}: ${stderr}`);
  // A default may be a place in the installation; what is published must not depend on where that is.
  const text = stdout.replaceAll(installation, "");
  const schema = fileSchemaSchema.parse(JSON.parse(text));
  schemas.push([name, schema]);
  writeFileSync(join(folder, `${name}.schema.json`), `${JSON.stringify(schema, null, 2)}\n`);
}
writeFileSync(join(installation, "docs", "configuration.md"), configurationDocument(schemas));
