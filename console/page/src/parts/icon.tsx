import type { JSX } from "preact";

const paths = {
  now: "M3 12h4l3-8 4 16 3-8h4",
  audit: "M9 12l2 2 4-4M12 3l8 3v6c0 4.5-3.2 7.8-8 9-4.8-1.2-8-4.5-8-9V6z",
  knowledge: "M4 5c3-1.5 6-1 8 .5C14 4 17 3.5 20 5v14c-3-1.5-6-1-8 .5C10 18 7 17.5 4 19zM12 5.5v14",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4",
  stop: "M8 3h8l5 5v8l-5 5H8l-5-5V8zM9 9h6v6H9z",
  close: "M6 6l12 12M18 6L6 18",
  ice: "M12 2v20M4 7l16 10M20 7L4 17",
  check: "M5 13l4 4 10-10",
} as const;

export function Icon({ name }: { name: keyof typeof paths }): JSX.Element {
  return (
    <svg
      width="16"
      height="16"
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="2"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={paths[name]} />
    </svg>
  );
}
