// Discovery documents: which groups, versions, resources and verbs there are.
import {
  apiVersionOf,
  groups,
  resources,
  resourceVerbs,
  reviews,
  subresourceKinds,
  type Resource,
} from "../api/resources.ts";
import type { Json } from "../objects.ts";

const preferredOrder = [
  "apps",
  "events.k8s.io",
  "authorization.k8s.io",
  "autoscaling",
  "rbac.authorization.k8s.io",
  "policy",
  "coordination.k8s.io",
];

function groupNames(): string[] {
  return preferredOrder.filter((name) => groups().has(name) || reviews.some((review) => review.group === name));
}

function versionOf(group: string): string {
  return resources.find((resource) => resource.group === group)?.version ?? "v1";
}

function groupDocument(group: string): Json {
  const version = { groupVersion: `${group}/${versionOf(group)}`, version: versionOf(group) };
  return { name: group, versions: [version], preferredVersion: version };
}

function resourceRows(resource: Resource): Json[] {
  const { plural, singular, namespaced, kind, shortNames, categories } = resource;
  const verbs = kind === "Namespace" ? resourceVerbs.filter((verb) => verb !== "deletecollection") : resourceVerbs;
  const main: Json = { name: plural, singularName: singular, namespaced, kind, verbs };
  if (shortNames.length > 0) main["shortNames"] = shortNames;
  if (categories.length > 0) main["categories"] = categories;
  const below = resource.subresources.map((name): Json => {
    const own = subresourceKinds[name];
    if (own !== undefined) return { name: `${plural}/${name}`, singularName: "", namespaced, ...own };
    const writes = name === "log" ? ["get"] : name === "finalize" ? ["update"] : ["get", "patch", "update"];
    return { name: `${plural}/${name}`, singularName: "", namespaced, kind, verbs: writes };
  });
  return [main, ...below];
}

/** The document at a discovery path; undefined for any other path. */
export function discoveryAt(path: string): Json | undefined {
  const parts = path.split("/").filter((part) => part !== "");
  const [root, group, version, ...rest] = parts;
  if (rest.length > 0) return undefined;
  if (root === "api" && group === undefined)
    return { kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [] };
  if (root === "api" && group === "v1" && version === undefined)
    return resourceList(
      "v1",
      resources.filter((resource) => resource.group === ""),
      [],
    );
  if (root !== "apis") return undefined;
  if (group === undefined) return { kind: "APIGroupList", apiVersion: "v1", groups: groupNames().map(groupDocument) };
  if (!groupNames().includes(group)) return undefined;
  if (version === undefined) return { kind: "APIGroup", apiVersion: "v1", ...groupDocument(group) };
  if (version !== versionOf(group)) return undefined;
  const posted = reviews.filter((review) => review.group === group);
  const extra = posted.map(({ plural, singular, namespaced, kind }) => ({
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    verbs: ["create"],
  }));
  return resourceList(
    `${group}/${version}`,
    resources.filter((resource) => resource.group === group),
    extra,
  );
}

function resourceList(groupVersion: string, served: readonly Resource[], extra: Json[]): Json {
  return {
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion,
    resources: [...served.flatMap(resourceRows), ...extra],
  };
}

export function groupVersions(): string[] {
  return [...new Set(resources.map(apiVersionOf))];
}

export const versionDocument: Json = {
  major: "1",
  minor: "34",
  gitVersion: "v1.34.4+omega",
  gitCommit: "",
  gitTreeState: "clean",
  buildDate: "1970-01-01T00:00:00Z",
  goVersion: "none",
  compiler: "none",
  platform: `${process.platform}/${process.arch}`,
};
