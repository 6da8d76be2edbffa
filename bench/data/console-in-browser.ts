import type { Browser, BrowserContext, Page } from "playwright-core";
import { until } from "../../test/agent-processes.ts";

/** Longer than this a person feels it. */
const longMs = 100;

export interface LongTasks {
  /** Tasks of the page's main thread over 100 ms. */
  readonly count: number;
  readonly longestMs: number;
}

/** Notes when the page first shows its list of incidents, as painted: the frame after the one that drew it. */
const paintProbe = `{
  const look = () => {
    if (document.querySelector('section[aria-label="Open incidents"]') === null) return requestAnimationFrame(look);
    requestAnimationFrame(() => setTimeout(() => { globalThis.usefulPaintMs = performance.now(); }));
  };
  requestAnimationFrame(look);
}`;

const taskProbe = `{
  globalThis.longTasks = [];
  new PerformanceObserver((list) => globalThis.longTasks.push(...list.getEntries().map(({ duration }) => duration)))
    .observe({ type: "longtask", buffered: true });
}`;

/** Milliseconds from the navigation's start until the incidents are on the screen, with nothing in the browser's cache. */
export async function usefulPaintMs(browser: Browser, url: string, signedIn: SignedIn | undefined): Promise<number> {
  const context = await newContext(browser, signedIn);
  try {
    const page = await context.newPage();
    await page.addInitScript(paintProbe);
    await page.goto(url, { waitUntil: "commit" });
    await holds(page, "globalThis.usefulPaintMs !== undefined");
    return Number(await page.evaluate("globalThis.usefulPaintMs"));
  } finally {
    await context.close();
  }
}

export type SignedIn = Awaited<ReturnType<BrowserContext["storageState"]>>;

export async function signedIn(browser: Browser, link: string): Promise<SignedIn> {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(link);
  await page.getByRole("heading", { name: "Open incidents" }).waitFor();
  const state = await context.storageState();
  await context.close();
  return state;
}

/** Opens an incident of many events, scrolls all through its timeline, and stays while `more` says further ones. */
export async function longTasksOf(
  browser: Browser,
  url: string,
  state: SignedIn,
  story: { readonly events: number; readonly more: () => Promise<number> },
): Promise<LongTasks> {
  const context = await newContext(browser, state);
  try {
    const page = await context.newPage();
    await page.addInitScript(taskProbe);
    await page.goto(url);
    await countOfEvents(page, story.events);
    await scrollThrough(page);
    await countOfEvents(page, story.events + (await story.more()));
    const tasks = (await page.evaluate("globalThis.longTasks")) as number[];
    const long = tasks.filter((ms) => ms > longMs);
    return { count: long.length, longestMs: Math.max(0, ...tasks) };
  } finally {
    await context.close();
  }
}

async function countOfEvents(page: Page, count: number): Promise<void> {
  await page.getByText(`${count} events, times from the onset`, { exact: true }).waitFor();
}

/** From its end to its beginning and back, in steps as a wheel makes them. */
async function scrollThrough(page: Page): Promise<void> {
  const timeline = page.getByRole("group", { name: "Timeline" });
  await timeline.hover();
  for (const way of [-1, 1]) {
    for (let step = 0; step < 100; step += 1) await page.mouse.wheel(0, way * 5000);
    const end =
      way < 0 ? "element.scrollTop === 0" : "element.scrollTop + element.clientHeight >= element.scrollHeight - 1";
    await holds(page, `(() => { const element = document.querySelector(".timeline"); return ${end}; })()`);
  }
}

/** Asked as a debugger does: the page's Content-Security-Policy lets no text be evaluated in it. */
async function holds(page: Page, condition: string): Promise<void> {
  await until(condition, async () => (await page.evaluate(condition)) === true);
}

async function newContext(browser: Browser, storageState: SignedIn | undefined): Promise<BrowserContext> {
  const viewport = { width: 1440, height: 900 };
  return await browser.newContext({ viewport, ...(storageState === undefined ? {} : { storageState }) });
}
