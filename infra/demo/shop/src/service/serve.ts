import type { Server } from "node:http";
import { flushCompileCache } from "node:module";
import express, { type Express, type NextFunction, type Request, type Response } from "express";
import { type Logger, pino } from "pino";
import { RequestRefused } from "./request-refused.ts";
import { numberSetting, textSetting } from "./settings.ts";

/** What one release of one service brings; everything else is the same for all. */
export interface Service {
  name: string;
  /** Adds the routes; may connect to what it needs first. */
  routes(app: Express, log: Logger): void | Promise<void>;
  /** Releases what `routes` opened, after the last request was answered. */
  close?(): Promise<void>;
}

/**
 * How long a caller may keep an idle connection. Callers drop theirs a second earlier (fetch heeds the Keep-Alive
 * header), so a drain longer than this ends with no connection on which a request could still be on its way.
 */
const keepAliveMs = 2_000;

/** Runs the service on $POD_IP:$PORT until SIGTERM, then answers what is under way and leaves. */
export async function serve(service: Service): Promise<void> {
  const log = pino({ name: service.name, level: textSetting("LOG_LEVEL", "info") });
  const host = textSetting("POD_IP");
  const port = numberSetting("PORT", 8080);
  const drainMs = numberSetting("DRAIN_MS", 1_500);

  const app = express();
  app.disable("x-powered-by");
  let draining = false;
  app.get("/healthz/live", (_request, response) => void response.json({ live: true }));
  app.get("/healthz/ready", (_request, response) => void response.status(draining ? 503 : 200).json({ draining }));
  app.use((_request, response, next) => {
    if (draining) response.setHeader("connection", "close");
    next();
  });
  app.use(express.json({ limit: "64kb" }));
  await service.routes(app, log);
  app.use(failedRequest(log));

  const server = await listen(app, host, port);
  server.keepAliveTimeout = keepAliveMs;
  log.info({ host, port }, "listening");
  // Written now and not at the end, so that the next pod starts from it even while this one still runs.
  flushCompileCache();

  process.once("SIGTERM", () => {
    draining = true;
    log.info({ drainMs }, "draining");
    // New connections are still taken meanwhile: the endpoint disappears from the callers' view a little later.
    setTimeout(() => {
      server.close(() => {
        void service.close?.();
      });
      server.closeIdleConnections();
    }, drainMs);
  });
}

function listen(app: Express, host: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = app.listen(port, host, (error) => (error ? reject(error) : resolve(server)));
  });
}

function failedRequest(log: Logger) {
  return (failure: unknown, request: Request, response: Response, next: NextFunction): void => {
    const err = failure instanceof Error ? failure : new Error(String(failure));
    const status = statusOf(err);
    if (status >= 500) log.error({ err, method: request.method, path: request.path }, "request failed");
    else log.info({ status, path: request.path, reason: err.message }, "request refused");
    if (response.headersSent) return next(err);
    response.status(status).json({ error: status >= 500 ? "internal error" : err.message });
  };
}

/** Body parsing errors carry a 4xx status of their own; whatever says nothing is our fault. */
function statusOf(err: Error): number {
  if (err instanceof RequestRefused) return err.status;
  const status = "status" in err ? err.status : undefined;
  return typeof status === "number" && status >= 400 && status < 500 ? status : 500;
}
