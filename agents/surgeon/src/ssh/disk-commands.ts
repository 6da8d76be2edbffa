import type { DiskTemplate } from "./ssh-config.ts";

/** Lists the files that may go, ends of entries being NULs: `SIZE:MTIME:UID:GID:MODE:PATH`. */
export function listCommand({ path, names, olderThanMinutes }: DiskTemplate): string[] {
  const named = names.flatMap((name, index) => [...(index === 0 ? [] : ["-o"]), "-name", name]);
  // Freeing a file that has a second link frees nothing.
  const which = ["-xdev", "-type", "f", "-links", "1", "-mmin", `+${olderThanMinutes}`, "(", ...named, ")"];
  return ["find", path, ...which, "-printf", String.raw`%s:%T@:%U:%G:%m:%P\0`];
}

/** Prints the devices of both folders, then the free blocks of the second and their size; fails where one can't be written. */
export const freeSpaceScript = 'stat -c %d -- "$1" "$2" && stat -f -c "%a %S" -- "$2" && test -w "$1" && test -w "$2"';
