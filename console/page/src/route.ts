import { computed, signal } from "@preact/signals";

const path = signal(location.pathname);

/** The place in the page: its name, and what it is about. */
export const place = computed(() => {
  const [, name = "", id = ""] = path.value.split("/");
  return { name: name === "" ? "now" : name, id: decodeURIComponent(id) };
});

export function go(to: string): void {
  if (to !== location.pathname) history.pushState(undefined, "", to);
  path.value = location.pathname;
  window.scrollTo(0, 0);
  // A new page is read from its beginning, also by those who hear it.
  requestAnimationFrame(() => document.querySelector<HTMLElement>("main")?.focus({ preventScroll: true }));
}

/** Links within the page change what it shows; anything else is the browser's. */
export function followLinks(): void {
  addEventListener("popstate", () => {
    path.value = location.pathname;
  });
  addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (link === null || !plain || link.origin !== location.origin || link.hasAttribute("download")) return;
    if (link.getAttribute("href")?.startsWith("#") === true) return;
    event.preventDefault();
    go(link.pathname);
  });
}
