// Who asks, and whether they may: static bearer tokens, and RBAC over the stored roles and bindings.
import type { Json, KubeObject, Role, RoleBinding, Rule } from "./objects.ts";
import { ApiFailure } from "./api/failure.ts";
import type { Store } from "./store/store.ts";

export interface User {
  name: string;
  uid: string;
  groups: readonly string[];
}

export interface Attributes {
  verb: string;
  group: string;
  resource: string;
  subresource: string;
  name: string;
  namespace: string | undefined;
  /** Set for paths that are no resources, like /version. */
  path: string | undefined;
}

const rbacGroup = "rbac.authorization.k8s.io";

/** kube-apiserver's --token-auth-file: token,user,uid,"group,group". Fails naming the line. */
export function parseTokens(csv: string, file: string): Map<string, User> {
  const users = new Map<string, User>();
  for (const [index, line] of csv.split("\n").entries()) {
    if (line.trim() === "" || line.trimStart().startsWith("#")) continue;
    const cells = [...line.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^,]*))\s*(?:,|$)/g)].map((found) =>
      (found[1] ?? found[2] ?? "").trim(),
    );
    const [token, name, uid, groups = ""] = cells;
    if (token === undefined || token === "" || name === undefined || name === "" || uid === undefined) {
      throw new Error(
        `${file}:${index + 1}: a line must read token,user,uid,"group,group" (the groups may be left out)`,
      );
    }
    const listed = groups
      .split(",")
      .map((group) => group.trim())
      .filter((group) => group !== "");
    users.set(token, { name, uid, groups: [...listed, "system:authenticated"] });
  }
  return users;
}

export class Authorizer {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  may(user: User, asked: Attributes): boolean {
    if (user.groups.includes("system:masters")) return true;
    if (asked.path !== undefined) return this.#mayPath(user, asked.path, asked.verb);
    // Everybody may ask what they may do (kube-apiserver's system:basic-user).
    if (
      asked.group === "authorization.k8s.io" &&
      asked.resource === "selfsubjectaccessreviews" &&
      asked.verb === "create"
    )
      return true;
    return this.#rules(user, asked.namespace).some((rule) => covers(rule, asked));
  }

  /** Fails with 403 in kube-apiserver's words. */
  demand(user: User, asked: Attributes): void {
    if (!this.may(user, asked)) throw refusal(user, asked);
  }

  #mayPath(user: User, path: string, verb: string): boolean {
    const discovery = ["/api", "/apis", "/openapi", "/version", "/healthz", "/livez", "/readyz"];
    if (verb === "get" && discovery.some((open) => path === open || path.startsWith(`${open}/`))) return true;
    const rules = this.#rules(user, undefined);
    return rules.some(
      (rule) =>
        has(rule.verbs, verb) &&
        (rule.nonResourceURLs ?? []).some(
          (url) => url === path || (url.endsWith("*") && path.startsWith(url.slice(0, -1))),
        ),
    );
  }

  #rules(user: User, namespace: string | undefined): Rule[] {
    const cluster = [...this.#store.scan(`${rbacGroup}/clusterrolebindings`)];
    const local = namespace === undefined ? [] : this.#store.list(`${rbacGroup}/rolebindings`, namespace);
    return [...cluster, ...local]
      .filter((binding) => binds(binding as RoleBinding, user))
      .flatMap((binding) => this.#rulesOf(binding as RoleBinding));
  }

  #rulesOf(binding: RoleBinding): Rule[] {
    const { kind, name } = binding.roleRef;
    const role: KubeObject | undefined =
      kind === "ClusterRole"
        ? this.#store.get(`${rbacGroup}/clusterroles`, undefined, name)
        : this.#store.get(`${rbacGroup}/roles`, binding.metadata.namespace, name);
    return (role as Role | undefined)?.rules ?? [];
  }
}

function binds(binding: RoleBinding, user: User): boolean {
  return (binding.subjects ?? []).some(({ kind, name, namespace }) => {
    if (kind === "Group") return user.groups.includes(name);
    if (kind === "ServiceAccount")
      return user.name === `system:serviceaccount:${namespace ?? binding.metadata.namespace ?? ""}:${name}`;
    return kind === "User" && user.name === name;
  });
}

function has(list: readonly string[] | undefined, item: string): boolean {
  return (list ?? []).includes("*") || (list ?? []).includes(item);
}

function covers(rule: Rule, asked: Attributes): boolean {
  const full = asked.subresource === "" ? asked.resource : `${asked.resource}/${asked.subresource}`;
  const named = rule.resourceNames ?? [];
  return (
    has(rule.verbs, asked.verb) &&
    has(rule.apiGroups, asked.group) &&
    (has(rule.resources, full) ||
      (asked.subresource !== "" && (rule.resources ?? []).includes(`*/${asked.subresource}`))) &&
    (named.length === 0 || named.includes(asked.name))
  );
}

function refusal(user: User, asked: Attributes): ApiFailure {
  if (asked.path !== undefined) {
    return new ApiFailure(
      403,
      "Forbidden",
      `forbidden: User ${JSON.stringify(user.name)} cannot ${asked.verb} path ${JSON.stringify(asked.path)}`,
      {},
    );
  }
  const { group, resource, subresource, name, namespace } = asked;
  const what = group === "" ? resource : `${resource}.${group}`;
  const subject = name === "" ? what : `${what} ${JSON.stringify(name)}`;
  const full = subresource === "" ? resource : `${resource}/${subresource}`;
  const where = namespace === undefined ? "at the cluster scope" : `in the namespace ${JSON.stringify(namespace)}`;
  const details: Json = { ...(name === "" ? {} : { name }), ...(group === "" ? {} : { group }), kind: resource };
  const message = `${subject} is forbidden: User ${JSON.stringify(user.name)} cannot ${asked.verb} resource "${full}" in API group "${group}" ${where}`;
  return new ApiFailure(403, "Forbidden", message, details);
}
