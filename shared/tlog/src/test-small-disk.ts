import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";

/** A file system of so few bytes, such as `256k`, at a path. Mounting needs root; without, `skip` says so. */
export function smallDisk(
  path: string,
  size: string,
): { readonly path: string; unmount(): void } | { readonly skip: string } {
  if (process.platform !== "linux" || process.getuid?.() !== 0)
    return { skip: "mounting a small tmpfs needs root on Linux" };
  mkdirSync(path, { recursive: true });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", path], { stdio: "pipe" });
    return { path, unmount: () => void execFileSync("umount", [path]) };
  } catch (error) {
    return { skip: `a tmpfs cannot be mounted here: ${String(error)}` };
  }
}
