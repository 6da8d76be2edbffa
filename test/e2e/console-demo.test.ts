import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { chromiumPath, openBrowser, signIn } from "./console/browser.ts";
import { OmegaUnderTest, processesNaming } from "./omega.ts";

const screenshots = process.env["OMEGA_SCREENSHOTS"] ?? join(tmpdir(), "omega-console-screenshots");
const skip = chromiumPath === undefined ? "there is no Chromium; install it or name one in OMEGA_TEST_CHROMIUM" : false;
/** A whole incident of the demo, from the rollout to the post-mortem, on a busy machine. */
const incidentMs = 120_000;

test(
  "a person watches the demo's incident from its signal to its resolution",
  { skip, timeout: 300_000 },
  async (t) => {
    mkdirSync(screenshots, { recursive: true });
    t.diagnostic(`screenshots are in ${screenshots}`);
    const omega = new OmegaUnderTest(t);
    const { child, ended } = omega.start(["demo"]);
    assert.ok(child.stdout !== null);
    const lines = createInterface({ input: child.stdout });
    const told: string[] = [];
    const link = new Promise<string>((resolve, reject) => {
      lines.on("line", (line) => {
        told.push(line);
        const found = /for one sign-in: (http\S+)/.exec(line)?.[1];
        if (found !== undefined) resolve(found);
      });
      void once(lines, "close").then(() => reject(new Error(`no link was told:\n${told.join("\n")}`)));
    });
    const [address, browser] = await Promise.all([link, openBrowser()]);
    t.after(() => browser.close());
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
    const page = await signIn(context, address);
    page.setDefaultTimeout(incidentMs);
    const shot = (name: string): Promise<Buffer> => page.screenshot({ path: join(screenshots, `demo-${name}.png`) });

    await page.getByRole("heading", { name: "1 incident being worked on" }).waitFor();
    await shot("now");
    const open = page.getByRole("region", { name: "Open incidents" });
    await open.getByRole("link").first().click();
    await page.getByText("Culprit:").waitFor();
    await page.getByRole("region", { name: /payments\/voucher-books\.ts, line \d+/ }).waitFor();
    await page
      .getByText(/^k8s\.rollout-undo on Deployment shop\/payments$/)
      .first()
      .waitFor();
    await page.getByText("healed", { exact: true }).waitFor();
    await page.getByRole("heading", { name: "Post-mortem" }).waitFor();
    const chart = page.getByRole("region", { name: "Around the onset" });
    await chart
      .getByRole("img", { name: /payments .*error-ratio/ })
      .first()
      .waitFor();
    await page.getByText("exactly reversible").first().waitFor();
    await page.setViewportSize({ width: 1440, height: 2600 });
    await shot("incident");

    child.kill("SIGINT");
    await ended;
    assert.deepEqual(processesNaming(omega.home), []);
  },
);
