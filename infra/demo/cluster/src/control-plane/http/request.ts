// What a URL and method ask for, in the API's own terms.

export interface Ask {
  method: string;
  path: string;
  query: URLSearchParams;
  /** Set for paths below /api/VERSION and /apis/GROUP/VERSION. */
  api:
    | {
        group: string;
        version: string;
        namespace: string | undefined;
        plural: string;
        name: string | undefined;
        subresource: string;
      }
    | undefined;
  /** The RBAC verb: get, list, watch, create, update, patch, delete, deletecollection. */
  verb: string;
}

export function parseAsk(method: string, url: URL): Ask {
  const path = url.pathname;
  const query = url.searchParams;
  const parts = path
    .split("/")
    .filter((part) => part !== "")
    .map(decodeURIComponent);
  const api = parseApi(parts);
  return { method, path, query, api, verb: verbOf(method, query, api?.name !== undefined, api === undefined) };
}

function parseApi(parts: string[]): Ask["api"] {
  const core = parts[0] === "api";
  if (!core && parts[0] !== "apis") return undefined;
  const [group, version, rest] = core ? ["", parts[1], parts.slice(2)] : [parts[1], parts[2], parts.slice(3)];
  if (group === undefined || version === undefined || rest.length === 0) return undefined;
  const [first = "", second, third, ...more] = rest;
  // /namespaces/NAME and /namespaces/NAME/status are about the namespace itself; deeper paths are about what it holds.
  const inside =
    first === "namespaces" && second !== undefined && third !== undefined && !["status", "finalize"].includes(third);
  if (inside)
    return { group, version, namespace: second, plural: third, name: more[0], subresource: more.slice(1).join("/") };
  return {
    group,
    version,
    namespace: undefined,
    plural: first,
    name: second,
    subresource: [third, ...more].filter((p) => p !== undefined).join("/"),
  };
}

function verbOf(method: string, query: URLSearchParams, named: boolean, nonResource: boolean): string {
  switch (method) {
    case "GET":
    case "HEAD":
      if (nonResource || named) return "get";
      return isTrue(query.get("watch")) ? "watch" : "list";
    case "POST":
      return "create";
    case "PUT":
      return "update";
    case "PATCH":
      return "patch";
    case "DELETE":
      return named ? "delete" : "deletecollection";
    default:
      return method.toLowerCase();
  }
}

export function isTrue(value: string | null): boolean {
  return value === "true" || value === "1";
}
