import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { installedBus, type InstalledBus } from "../nats-servers.ts";
import { Stage, startAgent, until, type AgentProcess } from "../agent-processes.ts";

const stack =
  "TypeError: Cannot read properties of undefined (reading 'rate')\n" +
  "    at loyaltyDiscount (file:///srv/shop/payments/loyalty.ts:21:23)\n" +
  "    at Layer.handle (/srv/shop/node_modules/router/lib/layer.js:152:17)";

const attribute = (key: string, value: string) => ({ key, value: { stringValue: value } });

/** One charge that checkout asks payments for, as OTLP JSON. */
function charge(failed: boolean): string {
  const traceId = randomBytes(16).toString("hex");
  const ids = Array.from({ length: 3 }, () => randomBytes(8).toString("hex"));
  const startMs = Date.now() - 40;
  const span = (at: number, name: string, kind: number, ms: number, exception: boolean) => ({
    traceId,
    spanId: ids[at],
    parentSpanId: ids[at - 1] ?? "",
    name,
    kind,
    startTimeUnixNano: `${startMs + at}000000`,
    endTimeUnixNano: `${startMs + at + ms}000000`,
    attributes: [attribute("http.request.method", "POST")],
    status: failed ? { code: 2 } : {},
    events: exception
      ? [
          {
            name: "exception",
            attributes: [attribute("exception.type", "TypeError"), attribute("exception.stacktrace", stack)],
          },
        ]
      : [],
  });
  const from = (service: string, ...spans: object[]) => ({
    resource: {
      attributes: [attribute("service.name", service), attribute("service.version", failed ? "1.5.0" : "1.4.0")],
    },
    scopeSpans: [{ spans }],
  });
  const asked = [span(0, "POST /orders", 2, 38, false), span(1, "POST", 3, 30, false)];
  return JSON.stringify({
    resourceSpans: [from("checkout", ...asked), from("payments", span(2, "POST /charges", 2, 28, failed))],
  });
}

describe("Scout's process", () => {
  let installed: InstalledBus;
  let stage: Stage;
  const folder = mkdtempSync(join(tmpdir(), "omega-scout-"));
  const keys = join(folder, "keys");
  const running: AgentProcess[] = [];
  let port = 0;
  let traffic: NodeJS.Timeout | undefined;

  const start = async (): Promise<AgentProcess> => {
    const agent = startAgent("scout", {
      OMEGA_NATS_URL: installed.server.url,
      OMEGA_KEYS: keys,
      OMEGA_OTLP_PORT: String(port),
      OMEGA_SOURCE_ROOT: "/srv/shop",
    });
    running.push(agent);
    await until(
      "it is up",
      () => agent.log().includes('"up"'),
      () => agent.log(),
    );
    port = Number(/"port":(\d+)/.exec(agent.log())?.[1]);
    return agent;
  };
  /** Thirty charges a second, of which every third fails when told so. */
  const send = (failing: boolean): void => {
    clearInterval(traffic);
    let number = 0;
    traffic = setInterval(() => {
      number += 1;
      const request = {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: charge(failing && number % 3 === 0),
      };
      // While Scout is down nobody listens, as it would be for a real sender.
      fetch(`http://127.0.0.1:${port}/v1/traces`, request).catch(() => undefined);
    }, 33);
  };

  before(async () => {
    installed = await installedBus();
    stage = new Stage(await installed.connect(), keys);
  });
  after(async () => {
    clearInterval(traffic);
    for (const agent of running) await agent.kill();
    await installed.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("tells a fault, names its line and judges recovery, though killed with -9 before each answer", async () => {
    const first = await start();
    send(false);
    const taken = Date.now();
    await until("it has seen some normal traffic", () => Date.now() - taken > 3000);
    send(true);
    await until(
      "both services' signals are told",
      async () => (await stage.of("signal.detected")).length >= 2,
      () => first.log(),
    );
    const signals = await stage.of("signal.detected");
    const payments = signals.find(({ data }) => data.service === "payments");
    assert.ok(payments !== undefined);
    assert.equal(payments.data.errorType, "TypeError");
    assert.equal(payments.data.leadTimeMs, 0);

    await first.kill();
    const incidentid = "inc-scout-test";
    const { signalId, service, operation, kind, says } = payments.data;
    const signal = { signalId, service, operation, kind, says };
    await stage.say("coordinator", "incident.opened", {
      incidentid,
      causeId: payments.id,
      data: { onset: payments.data.since, signal },
    });
    const second = await start();
    const diagnosis = await stage.first("diagnosis.reached", () => second.log());
    const [top] = diagnosis.data.candidates;
    assert.equal(diagnosis.data.verdict, "cause");
    assert.deepEqual(
      [top?.service, top?.kind, top?.version, top?.healthyVersion],
      ["payments", "code", "1.5.0", "1.4.0"],
    );
    assert.deepEqual(top?.location, { function: "loyaltyDiscount", file: "payments/loyalty.ts", lineStart: 21 });
    const shown = await stage.first("trace.recorded", () => second.log());
    const { culprit, spans } = shown.data;
    assert.deepEqual(culprit?.location, top.location);
    assert.ok(spans.some((span) => span.spanId === culprit?.spanId && span.service === "payments" && span.failed));

    await second.kill();
    send(false);
    await stage.say("coordinator", "verification.requested", {
      incidentid,
      causeId: "action",
      data: {
        actionId: "act-1",
        checks: [{ service, operation }],
        after: new Date().toISOString(),
        terms: { intervalMs: 1000, count: 3, failureLimit: 1, inconclusiveLimit: 30 },
      },
    });
    const third = await start();
    const confirmed = await stage.first("recovery.confirmed", () => third.log());
    assert.equal(confirmed.data.actionId, "act-1");
    assert.match(confirmed.data.says, /^0 of \d+ requests to payments POST \/charges failed/);
    await until(
      "the episodes are told to be over",
      async () => (await stage.of("signal.cleared")).length >= 2,
      () => third.log(),
    );

    assert.equal((await stage.of("signal.detected")).length, 2);
    assert.equal((await stage.of("diagnosis.reached")).length, 1);
    assert.equal((await stage.of("recovery.confirmed")).length, 1);
    assert.equal(await third.stop(), 0, third.log());
  });

  it("says in words that its port is taken", async () => {
    clearInterval(traffic);
    const holder = await start();
    const agent = startAgent("scout", {
      OMEGA_NATS_URL: installed.server.url,
      OMEGA_KEYS: keys,
      OMEGA_OTLP_PORT: String(port),
    });
    running.push(agent);
    await until("it exits", () => agent.process.exitCode !== null);
    assert.match(
      agent.log(),
      /OTLP can't be received at 127\.0\.0\.1:\d+ \(otlp\.host, otlp\.port in the config\): .*EADDRINUSE/,
    );
    assert.equal(await holder.stop(), 0);
  });
});
