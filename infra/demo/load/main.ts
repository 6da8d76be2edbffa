/**
 * `node main.ts --url URL [--rate 20] [--seed 7] [--seconds N] [--json]`: one line of figures every five seconds, and a
 * JSON report when it is interrupted or the time is over. With `--json` there is only the report.
 */
import { parseArgs } from "node:util";
import { startLoad } from "./load.ts";

const { values } = parseArgs({
  options: {
    url: { type: "string" },
    rate: { type: "string", default: "20" },
    seed: { type: "string", default: "7" },
    seconds: { type: "string" },
    json: { type: "boolean", default: false },
  },
});

if (values.url === undefined || !URL.canParse(values.url)) {
  process.stderr.write("load: --url must say where the storefront is, e.g. --url http://127.0.0.1:8080\n");
  process.exit(2);
}
const seconds = values.seconds === undefined ? undefined : positive("seconds", values.seconds);
const stop = new AbortController();
const load = startLoad({
  url: values.url,
  ratePerSecond: positive("rate", values.rate),
  seed: Number(values.seed),
  signal: stop.signal,
});

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
const end = seconds === undefined ? undefined : setTimeout(() => stop.abort(), seconds * 1_000);
const ticker = values.json ? undefined : setInterval(line, 5_000);
const report = await load.done;
clearTimeout(end);
clearInterval(ticker);
process.stdout.write(`${JSON.stringify(report)}\n`);

function line(): void {
  const { requests, successRatio, orders, latencyMs } = load.snapshot();
  const percent = (ratio: number) => `${(ratio * 100).toFixed(2)} %`;
  process.stdout.write(
    `${requests} requests, ${percent(successRatio)} good; orders ${percent(orders.successRatio)} good; ` +
      `p50 ${latencyMs.p50} ms, p99 ${latencyMs.p99} ms\n`,
  );
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  process.stderr.write(`load: --${option} must be a positive number, not "${text}"\n`);
  process.exit(2);
}
