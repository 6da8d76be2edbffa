import { computed, signal } from "@preact/signals";
import type { Frame, Now, Person } from "../../src/wire.ts";
import { read } from "./api.ts";

/** Frames that the page keeps for what passes by; an incident's own are loaded with it. */
const framesKept = 300;
/** Older than this, what is shown is said to be old. */
export const staleMs = 15_000;

export const me = signal<Person | undefined>(undefined);
export const signedOut = signal(false);
export const now = signal<Now | undefined>(undefined);
/** The newest events, in order, each once. */
export const frames = signal<readonly Frame[]>([]);
/** Whether the feed is open, and when the server was heard last, by this machine's clock. */
export const server = signal<{ readonly reachable: boolean; readonly heardAt: number | undefined }>({
  reachable: true,
  heardAt: undefined,
});
/** This machine's clock, each second. */
export const tick = signal(Date.now());
/** How far the server's clock is ahead. */
const ahead = signal(0);
/** Rises when everything that was loaded must be loaded again. */
export const generation = signal(0);

/** The server's time, which every age is measured by. */
export const serverTime = computed(() => tick.value + ahead.value);
export const frozen = computed(() => {
  const panic = now.value?.panic;
  return panic !== undefined && panic.resumed === undefined ? panic : undefined;
});
/** Nothing that a person says would arrive at present. */
export const outOfTouch = computed(() => !server.value.reachable || now.value?.bus.connected === false);

export function start(): void {
  setInterval(() => {
    tick.value = Date.now();
  }, 1000);
  void enter();
}

/** Asks who is signed in, and follows the stream if somebody is. */
export async function enter(): Promise<void> {
  const answer = await read<Person>("/api/me");
  if (answer.ok) {
    me.value = answer.value;
    signedOut.value = false;
    void load();
    return;
  }
  if (answer.status === 401) signedOut.value = true;
  else {
    server.value = { ...server.value, reachable: false };
    setTimeout(() => void enter(), 1000);
  }
}

async function load(): Promise<void> {
  const answer = await read<Now>("/api/now");
  if (!answer.ok) {
    if (answer.status === 401) signedOut.value = true;
    else setTimeout(() => void load(), 1000);
    return;
  }
  lastSeq = answer.value.recentAfter;
  take(answer.value);
  follow();
}

type FrameListener = (frame: Frame) => void;
const listeners = new Set<FrameListener>();

/** Hands over every frame that comes from now on, in order, each once; returns what ends it. */
export function onFrame(listener: FrameListener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

let source: EventSource | undefined;
let lastSeq = 0;

/**
 * The browser opens the feed again by itself and names the last event that it saw. Where it gives up (the server answered with an error),
 * the feed is opened anew behind that event; either way each event comes once.
 */
function follow(): void {
  source?.close();
  source = new EventSource(`/api/feed?after=${lastSeq}`);
  source.addEventListener("open", () => heard());
  source.addEventListener("frame", ({ data }: MessageEvent<string>) => {
    // The feed's own server wrote this.
    const frame = JSON.parse(data) as Frame;
    if (frame.seq <= lastSeq) return;
    lastSeq = frame.seq;
    frames.value = [...frames.value.slice(-framesKept), frame];
    for (const listener of listeners) listener(frame);
  });
  source.addEventListener("now", ({ data }: MessageEvent<string>) => {
    const next = JSON.parse(data) as Now;
    // Behind what was seen already: the stream is another one, or the server folds it again.
    if (next.seq < lastSeq && next.bus.connected) return reload();
    take(next);
  });
  source.addEventListener("reload", reload);
  source.addEventListener("error", () => {
    server.value = { ...server.value, reachable: false };
    if (source?.readyState === EventSource.CLOSED) setTimeout(() => void enter(), 1000);
  });
}

function reload(): void {
  source?.close();
  frames.value = [];
  generation.value += 1;
  void load();
}

function take(next: Now): void {
  ahead.value = next.at - Date.now();
  now.value = next;
  heard();
}

function heard(): void {
  tick.value = Date.now();
  server.value = { reachable: true, heardAt: Date.now() };
}
