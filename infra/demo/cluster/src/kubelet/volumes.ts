import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import type { ConfigReader, Entries, Found } from "./config-reader.ts";
import { podField, type Surroundings } from "./container-environment.ts";
import type { Container, Pod, Volume } from "./wire.ts";

type Around = Pick<Surroundings, "pod" | "podIP" | "hostIP"> & { reader: ConfigReader };
type KeyToPath = { key: string; path: string };

/**
 * Makes the pod's volumes under `<folder>/volumes/<name>`: configMap, secret, downwardAPI and projected as files,
 * emptyDir as a folder that lives as long as the pod, hostPath as a link. Service account tokens are left out: a
 * container here has no use for the API. Runs again to bring changed configmaps in. Fails with the message of a
 * FailedMount event.
 */
export async function prepareVolumes(folder: string, around: Around): Promise<Found<void>> {
  for (const volume of around.pod.spec?.volumes ?? []) {
    const target = join(folder, "volumes", volume.name);
    const files = await volumeFiles(volume, around);
    const trouble = files.ok ? fill(target, volume, files.value) : files.message;
    if (trouble !== undefined) {
      return { ok: false, message: `MountVolume.SetUp failed for volume "${volume.name}" : ${trouble}` };
    }
  }
  return { ok: true, value: undefined };
}

/**
 * Lays the container's mounts out under its own root, `<folder>/root/<container>`, as links: `/etc/shop` is there as
 * `root/…/etc/shop`. The container learns its root as CONTAINER_SANDBOX_MOUNT_POINT, the variable that Kubernetes gives
 * to processes that share the host's file system (Windows HostProcess containers).
 */
export function layOutMounts(folder: string, container: Container): Found<string> {
  const root = join(folder, "root", container.name);
  const mounts = (container.volumeMounts ?? []).toSorted((a, b) => a.mountPath.length - b.mountPath.length);
  try {
    mkdirSync(root, { recursive: true });
    for (const { name, mountPath, subPath } of mounts) {
      // normalize keeps `..` inside an absolute path from climbing out of the root.
      const at = join(root, normalize(`/${mountPath}`));
      mkdirSync(dirname(at), { recursive: true });
      link(join(folder, "volumes", name, normalize(`/${subPath ?? ""}`)), at);
    }
    return { ok: true, value: root };
  } catch (error) {
    return {
      ok: false,
      message: `cannot lay out the mounts: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
}

/** Brings a volume's folder to what it should hold; answers what went wrong. */
function fill(target: string, volume: Volume, files: Entries): string | undefined {
  try {
    mkdirSync(dirname(target), { recursive: true });
    if (volume.hostPath !== undefined) link(volume.hostPath.path, target);
    else mkdirSync(target, { recursive: true });
    if (volume.hostPath === undefined && volume.emptyDir === undefined) writeFiles(target, files);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function volumeFiles(volume: Volume, around: Around): Promise<Found<Entries>> {
  const namespace = around.pod.metadata?.namespace ?? "";
  if (volume.emptyDir !== undefined || volume.hostPath !== undefined) return { ok: true, value: new Map() };
  if (volume.configMap !== undefined) {
    const { name = "", optional = false, items } = volume.configMap;
    return chosen(await around.reader.configMap(namespace, name, optional), items, optional);
  }
  if (volume.secret !== undefined) {
    const { secretName = "", optional = false, items } = volume.secret;
    return chosen(await around.reader.secret(namespace, secretName, optional), items, optional);
  }
  if (volume.downwardAPI !== undefined) return downward(volume.downwardAPI.items ?? [], around);
  if (volume.projected === undefined)
    return { ok: false, message: "volumes of this kind are not supported by the process kubelet" };
  const all: Entries = new Map();
  for (const source of volume.projected.sources ?? []) {
    if (source.serviceAccountToken !== undefined) continue;
    const { configMap, secret } = source;
    let part: Found<Entries> = downward(source.downwardAPI?.items ?? [], around);
    if (configMap !== undefined) {
      const optional = configMap.optional ?? false;
      part = chosen(
        await around.reader.configMap(namespace, configMap.name ?? "", optional),
        configMap.items,
        optional,
      );
    } else if (secret !== undefined) {
      const optional = secret.optional ?? false;
      part = chosen(await around.reader.secret(namespace, secret.name ?? "", optional), secret.items, optional);
    }
    if (!part.ok) return part;
    for (const [path, bytes] of part.value) all.set(path, bytes);
  }
  return { ok: true, value: all };
}

function chosen(entries: Found<Entries>, items: KeyToPath[] | undefined, optional: boolean): Found<Entries> {
  if (!entries.ok || items === undefined || items.length === 0) return entries;
  const files: Entries = new Map();
  for (const { key, path } of items) {
    const bytes = entries.value.get(key);
    if (bytes !== undefined) files.set(path, bytes);
    else if (!optional) return { ok: false, message: `references non-existent config key: ${key}` };
  }
  return { ok: true, value: files };
}

function downward(items: { path: string; fieldRef?: { fieldPath: string } }[], around: Around): Found<Entries> {
  const files: Entries = new Map();
  for (const { path, fieldRef } of items) {
    const value = podField(fieldRef?.fieldPath ?? "", around);
    if (!value.ok) return value;
    files.set(path, Buffer.from(value.value));
  }
  return { ok: true, value: files };
}

/** Leaves exactly these files, each replaced by a rename so that no reader sees half of one. */
function writeFiles(target: string, files: Entries): void {
  const kept = new Set([...files.keys()].map((path) => path.split("/")[0]));
  for (const present of readdirSync(target)) {
    if (!kept.has(present)) rmSync(join(target, present), { recursive: true });
  }
  for (const [path, bytes] of files) {
    const file = join(target, normalize(`/${path}`));
    if (holds(file, bytes)) continue;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(`${file}.new`, bytes);
    renameSync(`${file}.new`, file);
  }
}

function holds(file: string, bytes: Buffer): boolean {
  try {
    return readFileSync(file).equals(bytes);
  } catch {
    return false;
  }
}

function link(from: string, to: string): void {
  rmSync(to, { force: true });
  symlinkSync(from, to);
}

/** Whether the pod has volumes whose content may change while it runs. */
export function hasLiveVolumes(pod: Pod): boolean {
  return (pod.spec?.volumes ?? []).some(({ configMap, secret, projected, downwardAPI }) =>
    [configMap, secret, projected, downwardAPI].some((source) => source !== undefined),
  );
}
