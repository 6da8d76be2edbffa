// pods/log: passed on to the kubelet of the pod's node, whose certificate nobody has vouched for (kube-apiserver does not check it by default either).
import { request } from "node:https";
import type { ServerResponse } from "node:http";
import { ApiFailure, badRequest } from "../api/failure.ts";
import type { Container, Node, Pod } from "../objects.ts";

const passedOn = ["follow", "tailLines", "sinceSeconds", "sinceTime", "timestamps", "previous", "limitBytes"];

/** The container meant; fails with 400 when that is not clear. */
function containerOf(pod: Pod, asked: string | null): string {
  const containers: Container[] = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const { name } = pod.metadata;
  if (asked === null || asked === "") {
    const [only, ...others] = pod.spec.containers;
    if (only !== undefined && others.length === 0) return only.name;
    throw badRequest(
      `a container name must be specified for pod ${name}, choose one of: [${containers.map((each) => each.name).join(" ")}]`,
    );
  }
  if (containers.some((container) => container.name === asked)) return asked;
  throw badRequest(`container ${asked} is not valid for pod ${name}`);
}

export function servePodLog(
  pod: Pod,
  node: Node | undefined,
  query: URLSearchParams,
  response: ServerResponse,
): Promise<void> {
  const container = containerOf(pod, query.get("container"));
  // A pod that runs nowhere has said nothing.
  if ((pod.spec.nodeName ?? "") === "") {
    response.writeHead(200, { "content-type": "text/plain" }).end();
    return Promise.resolve();
  }
  const addresses = node?.status.addresses ?? [];
  const host = (addresses.find(({ type }) => type === "InternalIP") ?? addresses[0])?.address;
  const port = node?.status.daemonEndpoints?.kubeletEndpoint?.Port;
  if (host === undefined || port === undefined || port === 0) {
    throw new ApiFailure(
      500,
      "InternalError",
      `no preferred addresses found; known addresses: [${addresses.map((each) => each.address).join(" ")}]`,
    );
  }
  const forwarded = new URLSearchParams();
  for (const name of passedOn) if (query.has(name)) forwarded.set(name, query.get(name) ?? "");
  const { namespace = "", name } = pod.metadata;
  const path = `/containerLogs/${[namespace, name, container].map(encodeURIComponent).join("/")}?${forwarded.toString()}`;
  return new Promise((resolve, reject) => {
    const asked = request({ host, port, path, rejectUnauthorized: false, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, { "content-type": answer.headers["content-type"] ?? "text/plain" });
      response.flushHeaders();
      answer.pipe(response);
      answer.on("close", resolve);
    });
    asked.on("error", (error) => {
      if (response.headersSent) response.destroy(error);
      reject(new ApiFailure(500, "InternalError", `Get "https://${host}:${port}${path}": ${error.message}`));
    });
    response.on("close", () => asked.destroy());
    asked.end();
  });
}
