import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import type { Browser, BrowserContext, Page } from "playwright-core";
import type { PersonRole } from "@omega/bus-schemas/define-event.ts";
import { chromiumPath, openBrowser, signIn, violations } from "./console/browser.ts";
import { ConsoleWorld, faultyImage, healthyImage } from "./console/world.ts";

/** Where the screenshots of every page go. */
const screenshots = process.env["OMEGA_SCREENSHOTS"] ?? join(tmpdir(), "omega-console-screenshots");
const skip = chromiumPath === undefined ? "there is no Chromium; install it or name one in OMEGA_TEST_CHROMIUM" : false;

describe("the console in a browser", { skip, timeout: 300_000 }, () => {
  let world: ConsoleWorld;
  let browser: Browser;
  let ada: BrowserContext;
  let page: Page;

  /** A browser of somebody else's, signed in. */
  async function another(name: string, role: PersonRole, t: TestContext): Promise<Page> {
    const context = await browser.newContext();
    t.after(() => context.close());
    return await signIn(context, world.link(name, role));
  }

  const open = async (path: string): Promise<void> => void (await page.goto(`${world.origin}${path}`));
  /** What a page sends when somebody acts, as any program could send it. */
  const acts = (from: Page, body: object, headers: Record<string, string> = {}): Promise<number> =>
    from
      .context()
      .request.post(`${world.origin}/api/acts`, { data: body, headers })
      .then((answer) => answer.status());
  const planAsked = async (incidentId: string): Promise<string> => {
    const asked = await world.stage.of("approval.requested");
    return asked.findLast(({ incidentid }) => incidentid === incidentId)?.data.planHash ?? "";
  };

  before(async () => {
    mkdirSync(screenshots, { recursive: true });
    [world, browser] = await Promise.all([ConsoleWorld.start(), openBrowser()]);
    ada = await browser.newContext({ viewport: { width: 1440, height: 900 } });
    page = await signIn(ada, world.link("ada@example.com", "admin"));
    await Promise.all(["payments", "checkout", "cart", "inventory"].map((service) => world.faultyRelease(service)));
  });
  after(async () => {
    await browser.close();
    await world.close();
  });

  it("shows an incident from its signal to its resolution, and what each step rests on", async () => {
    const id = await world.incident("payments", 0.97);
    await page.getByRole("link", { name: /payments: POST \/charges/ }).click();
    await page.getByText("Verifying with fresh telemetry").waitFor();
    assert.equal(await world.imageOf("payments"), healthyImage);
    await world.recover(id);
    await page.getByText("healed", { exact: true }).waitFor();
    await page.getByRole("heading", { name: "Post-mortem" }).waitFor();

    await page.getByText("Culprit:").waitFor();
    await page.getByRole("region", { name: "payments/voucher-books.ts, line 21" }).waitFor();
    await page.getByRole("img", { name: /payments POST \/charges: error-ratio: 27 % at first, 0 % at last/ }).waitFor();
    const rows = page.getByRole("list").getByRole("button").filter({ hasText: "Repair: k8s.rollout-undo" });
    await rows.first().click();
    await page
      .getByRole("dialog", { name: /^Event \d+$/ })
      .getByText("remediation.proposed")
      .waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: /^what decided it: event/ }).click();
    await page.getByRole("dialog").getByText("recovery.confirmed").first().waitFor();
    await page.keyboard.press("Escape");
  });

  it("a person approves exactly what was asked about, and it runs", async () => {
    const id = await world.incident("checkout", 0.4);
    await open("/");
    await page.getByRole("heading", { name: "1 repair waiting for your decision" }).waitFor();
    await page.getByRole("link", { name: /checkout: POST \/charges/ }).click();
    await page.getByRole("button", { name: "Approve …" }).click();
    const dialog = page.getByRole("dialog", { name: "Approve this plan" });
    await dialog.getByText(/runs on .*\/checkout at once.*It can be taken back exactly/).waitFor();
    await dialog.getByText(`+ ${healthyImage}`).waitFor();
    await dialog.getByLabel(/^Why/).fill("seen it before");
    await dialog.getByRole("button", { name: "Run k8s.rollout-undo now" }).click();
    await page.getByText("Verifying with fresh telemetry").waitFor();
    assert.equal(await world.imageOf("checkout"), healthyImage);
    const [granted] = (await world.stage.of("approval.granted")).filter(({ incidentid }) => incidentid === id);
    assert.equal(granted?.data.by, "ada@example.com");
    assert.equal(granted?.data.comment, "seen it before");
    assert.equal(granted?.data.planHash, await planAsked(id));
    await world.recover(id);
    await page.getByText("healed", { exact: true }).waitFor();
  });

  it("a viewer can't decide, nor can a page of somebody else's; a person denies and nothing is written", async (t) => {
    const id = await world.incident("cart", 0.4);
    await world.event("approval.requested", id);
    const planHash = await planAsked(id);
    const approve = { act: "approve", incidentId: id, planHash };
    const viewer = await another("vic@example.com", "viewer", t);
    await viewer.goto(`${world.origin}/incident/${id}`);
    assert.ok(await viewer.getByRole("button", { name: "Approve …" }).isDisabled());
    await viewer.getByText("deciding takes a responder").waitFor();
    const origin = { origin: world.origin };
    assert.equal(await acts(viewer, approve, origin), 403, "a viewer");
    assert.equal(await acts(viewer, { act: "panic", windowMs: 60_000 }, origin), 403, "a viewer");
    assert.equal(await acts(page, approve, { origin: "https://evil.example" }), 403, "a forged Origin");
    assert.equal(await acts(page, approve), 403, "no Origin");
    assert.equal(await acts(page, { ...approve, planHash: "0".repeat(64) }, origin), 409, "another plan");
    const stranger = await browser.newContext();
    t.after(() => stranger.close());
    const outside = await stranger.newPage();
    assert.equal(await acts(outside, approve, origin), 401, "not signed in");
    const forged = { name: "omega_session", value: "eyJuYW1lIjoiZXZlIn0.AAAA", url: world.origin };
    await stranger.addCookies([forged]);
    assert.equal(await acts(outside, approve, origin), 401, "a forged cookie");

    await open(`/incident/${id}`);
    await page.getByRole("button", { name: "Deny …" }).click();
    await page
      .getByRole("dialog")
      .getByText(/does not run/)
      .waitFor();
    await page.getByRole("button", { name: "Don't run it" }).click();
    await world.event("remediation.denied", id);
    await page.getByRole("button", { name: "Approve …" }).waitFor({ state: "detached" });
    assert.equal(await world.imageOf("cart"), faultyImage);
    assert.deepEqual(
      (await world.stage.of("approval.granted")).filter(({ incidentid }) => incidentid === id),
      [],
    );
  });

  it("takes a link once, and no token that it did not make", async (t) => {
    const context = await browser.newContext();
    t.after(() => context.close());
    const stranger = await context.newPage();
    await stranger.goto(`${world.origin}/`);
    await stranger.getByRole("heading", { name: "Sign in to Omega" }).waitFor();
    await stranger.goto(`${world.origin}/sign-in#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA`);
    await stranger.getByText("was used already, has expired, or was never made").waitFor();
    const link = world.link("bob@example.com", "viewer");
    await another("cat@example.com", "viewer", t);
    const first = await browser.newContext();
    t.after(() => first.close());
    await signIn(first, link);
    const [cookie] = await first.cookies();
    assert.equal(cookie?.httpOnly, true);
    assert.equal(cookie.sameSite, "Strict");
    const second = await context.newPage();
    await second.goto(link);
    await second.getByText("was used already, has expired, or was never made").waitFor();
  });

  it("checks an entry of the audit log in the browser, and finds a changed byte", async () => {
    await open("/audit");
    await page.getByLabel("Type, key or words").fill("approval.granted");
    await page.getByText("1 fit", { exact: true }).waitFor();
    await page.locator("tbody").getByRole("button").first().click();
    await page.getByText("verified", { exact: true }).waitFor();
    await page.keyboard.press("Escape");
    await page.route("**/api/audit/*", async (route) => {
      const answer = await route.fetch();
      const proof: { entry: string } = await answer.json();
      const entry = Buffer.from(proof.entry, "base64").toString("utf8").replace("ada@", "eve@");
      await route.fulfill({ response: answer, json: { ...proof, entry: Buffer.from(entry).toString("base64") } });
    });
    await page.locator("tbody").getByRole("button").first().click();
    await page.getByText("not verified", { exact: true }).waitFor();
    await page.getByText("these are not the bytes that were logged").waitFor();
    await page.unroute("**/api/audit/*");
    await page.keyboard.press("Escape");
  });

  it("says when the server or the bus is gone, comes back by itself, and neither loses nor doubles an event", async (t) => {
    const other = await another("bob@example.com", "responder", t);
    const passed = (where: Page): Promise<string[]> =>
      where.getByRole("list").getByRole("button").filter({ hasText: "while nobody looked" }).allInnerTexts();
    await open("/");
    await page.getByText("Live", { exact: true }).waitFor();
    await world.stopConsole("SIGKILL");
    await page.getByText(/No server\. What you see is \d+ s old/).waitFor();
    await page.keyboard.press("Shift+P");
    await page.getByRole("dialog", { name: "Panic, by terminal" }).getByText("omega panic --window 5m").waitFor();
    await page.keyboard.press("Escape");
    const say = (number: number): Promise<string> =>
      world.stage.say("scout", "signal.detected", {
        causeId: `away ${number}`,
        data: {
          signalId: `away-${number}`,
          service: `away-${number}`,
          severity: "warning",
          leadTimeMs: 3_600_000,
          says: `while nobody looked ${number}`,
        },
      });
    for (const number of [1, 2, 3]) await say(number);
    await world.startConsole();
    for (const where of [page, other]) {
      await where.getByText("Live", { exact: true }).waitFor();
      await where.getByRole("group", { name: "Timeline" }).getByText("while nobody looked 3").waitFor();
    }
    assert.equal((await passed(page)).length, 3);
    assert.deepEqual(await passed(other), await passed(page), "two tabs agree");

    await world.stopBus();
    await page.getByText(/No bus\. What you see is \d+ s old/).waitFor();
    await page.keyboard.press("Shift+P");
    await page.getByText("omega panic --direct --window 5m").waitFor();
    await page.keyboard.press("Escape");
    assert.equal(await acts(page, { act: "panic", windowMs: 60_000 }, { origin: world.origin }), 409);
    await world.startBus();
    await page.getByText("Live", { exact: true }).waitFor();
    await world.cluster.until("the test is back on the bus", () => world.bus.isConnected());
    await say(4);
    await page.getByRole("group", { name: "Timeline" }).getByText("while nobody looked 4").waitFor();
    assert.equal((await passed(page)).length, 4);
  });

  it("is read by everybody: no violation of WCAG 2.2 AA on any page, in both themes, narrow and wide", async (t) => {
    t.diagnostic(`screenshots are in ${screenshots}`);
    const [incident] = await world.stage.of("incident.resolved");
    const scenes: readonly { name: string; path: string; ready: () => Promise<unknown> }[] = [
      { name: "now", path: "/", ready: () => page.getByRole("heading", { name: "Budgets" }).waitFor() },
      {
        name: "incident",
        path: `/incident/${incident?.incidentid ?? ""}`,
        ready: () => page.getByRole("heading", { name: "Post-mortem" }).waitFor(),
      },
      { name: "audit", path: "/audit", ready: () => page.locator("tbody tr").first().waitFor() },
      {
        name: "knowledge",
        path: "/knowledge",
        ready: () =>
          page
            .getByText(/^recalled/)
            .first()
            .waitFor(),
      },
      { name: "settings", path: "/settings", ready: () => page.getByText("console.yaml", { exact: true }).waitFor() },
      {
        name: "panic",
        path: "/",
        ready: async () => {
          await page.getByRole("button", { name: "Panic" }).click();
          await page.getByRole("dialog").getByText("k8s.rollout-undo").first().waitFor();
        },
      },
      {
        name: "sign-in",
        path: "/sign-in",
        ready: () => page.getByRole("heading", { name: "Sign in to Omega" }).waitFor(),
      },
    ];
    const found: string[] = [];
    for (const { name, path, ready } of scenes) {
      await open(path);
      await ready();
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        for (const width of [360, 1440]) {
          await page.setViewportSize({ width, height: 900 });
          await page.screenshot({ path: join(screenshots, `${name}-${colorScheme}-${width}.png`) });
          const wide = await page.evaluate("document.documentElement.scrollWidth");
          assert.equal(wide, width, `${name} is wider than ${width} px`);
          // The whole page at once: what merely happens to be under the fixed bar at this moment can be scrolled from under it.
          const height = Number(await page.evaluate("document.documentElement.scrollHeight"));
          await page.setViewportSize({ width, height: Math.max(900, height) });
          found.push(...(await violations(page)).map((each) => `${name}, ${colorScheme}, ${width} px: ${each}`));
        }
      }
    }
    assert.deepEqual(found, []);
  });

  it("a press during a running incident freezes Omega, restores the world and is seen on every page; resume asks why", async (t) => {
    const id = await world.incident("inventory", 0.97);
    await world.event("verification.requested", id);
    assert.equal(await world.imageOf("inventory"), healthyImage);
    const responder = await another("bob@example.com", "responder", t);
    await responder.keyboard.press("Shift+P");
    const sheet = responder.getByRole("dialog");
    await sheet
      .getByRole("region", { name: "Will be taken back" })
      .getByText(/\/inventory$/)
      .waitFor();
    await responder.getByRole("button", { name: "Hold to freeze and take back" }).focus();
    await responder.keyboard.down("Enter");
    await responder.getByText(/^Frozen: surgeon-/).waitFor();
    await responder.keyboard.up("Enter");
    await sheet.getByText(/of \d+ taken back; nothing is left to do\./).waitFor();
    await sheet.getByText(/Deployment \S+\/inventory is as it was before\./).waitFor();
    assert.notEqual(await world.imageOf("inventory"), healthyImage, "the repair was taken back");
    await responder.screenshot({ path: join(screenshots, "panic-report.png") });
    const [pressed] = await world.stage.of("control.panic-pressed");
    assert.equal(pressed?.data.by, "bob@example.com");
    assert.equal(pressed?.data.windowMs, 300_000);

    for (const path of ["/", "/audit", "/knowledge", "/settings", `/incident/${id}`]) {
      await open(path);
      await page.getByRole("alert").getByText("Frozen.").waitFor();
    }
    await responder.getByText("An admin can resume.").waitFor();
    await page.getByRole("button", { name: "Resume …" }).click();
    const resume = page.getByRole("button", { name: "Resume", exact: true });
    assert.ok(await resume.isDisabled());
    await page.getByLabel("Why is it safe now?").fill("It was the test.");
    await resume.click();
    await page.getByRole("alert").getByText("Frozen.").waitFor({ state: "detached" });
    const [resumed] = await world.stage.of("control.resumed");
    assert.deepEqual(resumed?.data, { by: "ada@example.com", reason: "It was the test." });
  });
});
