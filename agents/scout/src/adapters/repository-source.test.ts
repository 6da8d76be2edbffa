import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { RepositorySource } from "./repository-source.ts";

const code = `import { rates } from "./rates.ts";

export function other(): number {
  return 1;
}

export function loyaltyDiscount(customer: Customer): number {
  const { tier } = customer;
  if (tier === "none") {
    return 0;
  }
  return rates[tier].rate;
}

export const last = 1;
`;

describe("the source of a line", () => {
  const folder = mkdtempSync(join(tmpdir(), "omega-source-"));
  const signal = new AbortController().signal;
  const source = new RepositorySource([join(folder, "missing"), join(folder, "repository")]);
  const git = (...args: string[]): void => {
    execFileSync("git", ["-c", "user.name=A", "-c", "user.email=a@example.com", ...args], {
      cwd: join(folder, "repository"),
      stdio: "ignore",
    });
  };
  before(() => {
    mkdirSync(join(folder, "repository/payments"), { recursive: true });
    writeFileSync(join(folder, "repository/payments/loyalty.ts"), code);
    writeFileSync(join(folder, "secret.ts"), "const secret = 1;\n");
    symlinkSync(join(folder, "secret.ts"), join(folder, "repository/linked.ts"));
    git("init", "-q");
    git("add", ".");
    git("commit", "-q", "-m", "Read the rate of a tier");
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("is the function around it, and the commit that last changed it", async () => {
    const found = await source.read("payments/loyalty.ts", 12, signal);
    assert.ok(found !== undefined);
    assert.equal(found.ref, "source:payments/loyalty.ts:12");
    const lines = found.text.split("\n");
    assert.match(lines[0] ?? "", /^ {5}7 export function loyaltyDiscount/);
    assert.match(lines.at(-1) ?? "", /^ {4}13 \}$/);
    assert.deepEqual(
      lines.filter((line) => line.startsWith(">")),
      [">   12   return rates[tier].rate;"],
    );
    assert.match(found.changedBy ?? "", /^[0-9a-f]{40}$/);
    assert.equal(found.summary, "Read the rate of a tier");
  });

  it("is code without a commit where the line is not committed", async () => {
    writeFileSync(join(folder, "repository/new.ts"), code);
    const found = await source.read("new.ts", 12, signal);
    assert.ok(found !== undefined);
    assert.equal(found.changedBy, undefined);
  });

  for (const file of ["../secret.ts", "/etc/passwd", "linked.ts", ".git/config", "payments", "none.ts", "--output=x"]) {
    it(`is nothing for ${file}`, async () => {
      assert.equal(await source.read(file, 1, signal), undefined);
    });
  }

  it("is nothing for a line that is not there", async () => {
    assert.equal(await source.read("payments/loyalty.ts", 99, signal), undefined);
    assert.equal(await source.read("payments/loyalty.ts", 0, signal), undefined);
  });
});
