import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { place } from "../route.ts";
import { frozen, me, now, outOfTouch, server, serverTime, staleMs, tick } from "../store.ts";
import { age, counted } from "../words.ts";
import { Icon } from "./icon.tsx";
import { ResumeDialog } from "./resume-dialog.tsx";
import { ThisBrowser } from "./this-browser.tsx";

const places = [
  { name: "now", path: "/", title: "Now" },
  { name: "audit", path: "/audit", title: "Audit" },
  { name: "knowledge", path: "/knowledge", title: "Knowledge" },
  { name: "settings", path: "/settings", title: "Settings" },
] as const;

/** What stands around every page: where one can go, how fresh it is, whether Omega is frozen, and the Panic Button. */
export function Shell({ children, onPanic }: { children: ComponentChildren; onPanic: () => void }): JSX.Element {
  const waiting = now.value?.incidents.filter(({ status }) => status === "awaiting approval").length ?? 0;
  const here = place.value.name === "incident" ? "now" : place.value.name;
  return (
    <div class="shell" data-frozen={frozen.value !== undefined}>
      <div class="rail">
        <nav aria-label="Pages">
          <a class="brand" href="/">
            <img src="/mark.svg" alt="" width="24" height="24" />
            Omega
          </a>
          {places.map(({ name, path, title }) => (
            <a class="place" href={path} aria-current={here === name ? "page" : undefined}>
              <Icon name={name} />
              {title}
              {name === "now" && waiting > 0 ? (
                <span class="pill warn count" title={`${counted(waiting, "incident")} waiting for a person`}>
                  {waiting}
                </span>
              ) : undefined}
            </a>
          ))}
        </nav>
        <RailFoot />
      </div>
      <div class="bar" role="banner">
        <Freshness />
        <button type="button" class="button panic push" onClick={onPanic} aria-keyshortcuts="Shift+P">
          <Icon name="stop" />
          Panic
        </button>
      </div>
      <main tabIndex={-1}>
        <Notices />
        {children}
      </main>
    </div>
  );
}

function RailFoot(): JSX.Element {
  return (
    <footer>
      <span>
        {me.value?.name}
        <br />
        {me.value?.role}
      </span>
      <ThisBrowser />
    </footer>
  );
}

function Freshness(): JSX.Element {
  const { heardAt, reachable } = server.value;
  const bus = now.value?.bus;
  const old = heardAt === undefined ? 0 : tick.value - heardAt;
  if (!reachable) return <Fresh tone="bad" says={`No server. What you see is ${age(old)} old`} />;
  if (bus?.connected === false) {
    const since = bus.heardAt === undefined ? undefined : serverTime.value - bus.heardAt;
    return <Fresh tone="bad" says={since === undefined ? "No bus yet" : `No bus. What you see is ${age(since)} old`} />;
  }
  if (old > staleMs) return <Fresh tone="warn" says={`What you see is ${age(old)} old`} />;
  return <Fresh tone="good" says="Live" />;
}

function Fresh({ tone, says }: { tone: "good" | "warn" | "bad"; says: string }): JSX.Element {
  return (
    <span class="freshness" role="status">
      <span class={`dot ${tone} ${tone === "good" ? "live" : ""}`} />
      <span>{says}</span>
    </span>
  );
}

function Notices(): JSX.Element {
  const [resuming, setResuming] = useState(false);
  const panic = frozen.value;
  return (
    <>
      {panic === undefined ? undefined : (
        <div class="notice frozen" role="alert">
          <Icon name="ice" />
          <span>
            <strong>Frozen.</strong> Omega starts nothing. Pressed by {panic.by} {age(serverTime.value - panic.at)} ago.
          </span>
          {me.value?.role === "admin" ? (
            <button type="button" class="button push" onClick={() => setResuming(true)}>
              Resume …
            </button>
          ) : (
            <span class="push">An admin can resume.</span>
          )}
        </div>
      )}
      {outOfTouch.value ? (
        <div class="notice away" role="alert">
          <span>
            <strong>
              {server.value.reachable ? "The bus does not answer." : "The console's server does not answer."}
            </strong>{" "}
            This page reconnects by itself and misses nothing. The Panic Button shows the line for a terminal.
          </span>
        </div>
      ) : undefined}
      {now.value?.alarms.map((says) => (
        <div class="notice alarm" role="alert">
          <span>
            <strong>Audit alarm.</strong> {says} No action starts until somebody runs{" "}
            <code>omega audit acknowledge</code>.
          </span>
        </div>
      ))}
      {resuming && panic !== undefined ? <ResumeDialog panic={panic} onClose={() => setResuming(false)} /> : undefined}
    </>
  );
}
