// Programs that some tests drive for real. None is needed to run Omega; a test that misses its program skips and says so.

import { hasApt, install, rootPrefix, startsServices } from "./apt.mjs";
import { findProgram } from "./program.mjs";
import { note, step } from "./steps.mjs";

const PACKAGES = [
  { name: "openssh-server", program: "sshd", reason: "the SSH action runs against a real sshd on loopback" },
  { name: "etcd-server", program: "etcd", reason: "a real Kubernetes API server keeps its state in etcd" },
  { name: "kubernetes-client", program: "kubectl", reason: "the embedded control plane must please a real kubectl" },
  { name: "chromium", program: "chromium", reason: "the console is driven in a real browser" },
];

/** Installs what is missing where that asks nobody and starts nothing; says what would be skipped otherwise. Never fails. */
export async function provideTestPackages() {
  const missing = PACKAGES.filter((entry) => !findProgram(entry.program));
  if (missing.length === 0) return;
  const names = missing.map((entry) => entry.name);
  const prefix = hasApt() ? rootPrefix() : undefined;
  if (prefix === undefined || (startsServices() && !process.env.CI)) {
    // On a workstation an installed sshd or etcd would start as a service, so a person decides.
    for (const entry of missing) note(`without ${entry.program} some tests skip: ${entry.reason}`);
    if (hasApt()) note(`to run them: sudo apt-get install ${names.join(" ")}`);
    return;
  }
  await step("programs for tests", async () => {
    const { ok, output } = await install(prefix, names);
    if (ok) return names.join(", ");
    note(`apt could not install ${names.join(", ")}; the tests that need them skip. It said:\n${output}`);
    return "went on without";
  });
}
