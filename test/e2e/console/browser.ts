import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";

/** Without these Chromium looks its maker's hosts up, many times a second. */
const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The browser of this machine; `undefined` where there is none. OMEGA_TEST_CHROMIUM names another. */
export const chromiumPath = process.env["OMEGA_TEST_CHROMIUM"] ?? places.find((path) => existsSync(path));

export async function openBrowser(): Promise<Browser> {
  assert.ok(chromiumPath !== undefined);
  return await chromium.launch({ executablePath: chromiumPath, args: flags, headless: true });
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe-core finds against WCAG 2.2 A and AA, one line for each place. */
export async function violations(page: Page): Promise<string[]> {
  // Run as a debugger does, past the page's Content-Security-Policy, which would not let it in.
  await page.evaluate(axeSource);
  return await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(context: unknown, options: object): Promise<AxeResult> } };
    interface AxeResult {
      violations: { id: string; nodes: { target: string[]; failureSummary: string }[] }[];
    }
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const found = await axe.run(Reflect.get(globalThis, "document"), { runOnly: { type: "tag", values: tags } });
    return found.violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary}`),
    );
  });
}

/** Signs somebody in by a one-time link and waits until the page shows the stream. */
export async function signIn(context: BrowserContext, link: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(link);
  await page.getByRole("heading", { name: "Open incidents" }).waitFor();
  return page;
}
