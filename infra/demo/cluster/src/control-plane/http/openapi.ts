// The OpenAPI documents, made from the same table as everything else, to the depth that kubectl looks into them: types, merge keys, kinds, and which
// query parameters a patch takes.
import { apiVersionOf, resources, subresourceKinds, type Resource } from "../api/resources.ts";
import type { Json } from "../objects.ts";
import { fieldsOf, typeNames, type Shape } from "../schema/schema.ts";
import { encodeOpenApiV2 } from "./openapi-protobuf.ts";
import { groupVersions } from "./discovery.ts";

export interface Document {
  contentType: string;
  body: string | Buffer;
}

/** Asked for with an @ by older clients, which cannot parse it in an answer. */
const protobufV2 = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/** A document as the client accepts it; undefined when the path is none of ours. Documents are made anew each time, as few ask and they are large. */
export function openApiAt(path: string, accept: string): Document | undefined {
  if (path === "/openapi/v2") {
    if (/spec\.v2[@.]v1\.0\+protobuf/.test(accept) && !accept.startsWith("application/json")) {
      return { contentType: protobufV2, body: encodeOpenApiV2(documentV2()) };
    }
    return { contentType: "application/json", body: JSON.stringify(documentV2()) };
  }
  if (path === "/openapi/v3") {
    const paths = Object.fromEntries(
      groupVersions().map((groupVersion) => {
        const at = pathOf(groupVersion).slice(1);
        return [at, { serverRelativeURL: `/openapi/v3/${at}?hash=1` }];
      }),
    );
    return { contentType: "application/json", body: JSON.stringify({ paths }) };
  }
  const groupVersion = groupVersions().find((each) => path === `/openapi/v3${pathOf(each)}`);
  if (groupVersion === undefined) return undefined;
  return { contentType: "application/json", body: JSON.stringify(documentV3(groupVersion)) };
}

function pathOf(groupVersion: string): string {
  return groupVersion.includes("/") ? `/apis/${groupVersion}` : `/api/${groupVersion}`;
}

/** Definitions are named as the real documents name them, for tools that look for a name. */
function definitionName(type: string): string {
  return `io.k8s.api.${type}`;
}

function schemaOf(shape: Shape, root: string): Json {
  switch (shape.is) {
    case "scalar":
      if (shape.type === "any") return { type: "object" };
      if (shape.type === "int-or-string") return { type: "string", format: "int-or-string" };
      if (shape.type === "quantity") return { type: "string", format: "quantity" };
      if (shape.type === "time") return { type: "string", format: "date-time" };
      return { type: shape.type, ...(shape.type === "integer" ? { format: "int32" } : {}) };
    case "map":
      return { type: "object", additionalProperties: schemaOf(shape.of, root) };
    case "struct":
      return {
        $ref: `${root}${definitionName(shape.name)}`,
        ...(shape.retainKeys ? { "x-kubernetes-patch-strategy": "retainKeys" } : {}),
      };
    case "list": {
      const merge: Json = shape.mergeKey === undefined ? {} : { "x-kubernetes-patch-strategy": "merge" };
      if (shape.mergeKey !== undefined && shape.mergeKey !== "") merge["x-kubernetes-patch-merge-key"] = shape.mergeKey;
      const keys: Json = shape.keys.length > 0 ? { "x-kubernetes-list-map-keys": shape.keys } : {};
      return {
        type: "array",
        items: schemaOf(shape.of, root),
        "x-kubernetes-list-type": shape.type,
        ...keys,
        ...merge,
      };
    }
  }
}

function kindsOfType(type: string): Json[] {
  const served = resources.filter((resource) => resource.type === type);
  const own = Object.values(subresourceKinds).filter(({ kind }) => kind === type);
  return [...served, ...own].map(({ group, version, kind }) => ({ group, version, kind }));
}

function definitions(root: string): Record<string, Json> {
  return Object.fromEntries(
    typeNames().map((type) => {
      const fields = [...fieldsOf(type)];
      const kinds = kindsOfType(type);
      const required = fields.filter(([, field]) => field.required).map(([name]) => name);
      const definition: Json = {
        type: "object",
        properties: Object.fromEntries(fields.map(([name, field]) => [name, schemaOf(field.shape, root)])),
        ...(required.length > 0 ? { required } : {}),
        ...(kinds.length > 0 ? { "x-kubernetes-group-version-kind": kinds } : {}),
      };
      return [definitionName(type), definition];
    }),
  );
}

const writeParameters = ["dryRun", "fieldManager", "fieldValidation"].map((name) => ({ name, in: "query" }));

function operation(resource: Resource, verb: string, isV3: boolean): Json {
  const { group, version, kind } = resource;
  const parameters =
    verb === "get"
      ? []
      : writeParameters.map((each) => (isV3 ? { ...each, schema: { type: "string" } } : { ...each, type: "string" }));
  return {
    operationId: `${verb}${kind}`,
    parameters,
    responses: { "200": { description: "OK" } },
    "x-kubernetes-group-version-kind": { group, version, kind },
  };
}

function paths(served: readonly Resource[], isV3: boolean): Record<string, Json> {
  return Object.fromEntries(
    served.map((resource) => {
      const middle = resource.namespaced ? "/namespaces/{namespace}" : "";
      const at = `${pathOf(apiVersionOf(resource))}${middle}/${resource.plural}/{name}`;
      const verbs = ["get", "put", "patch", "delete"];
      return [at, Object.fromEntries(verbs.map((verb) => [verb, operation(resource, verb, isV3)]))];
    }),
  );
}

export interface DocumentV2 extends Json {
  swagger: string;
  info: { title: string; version: string };
  paths: Record<string, Json>;
  definitions: Record<string, Json>;
}

const about = { title: "Kubernetes", version: "v1.34.4" };

function documentV2(): DocumentV2 {
  return { swagger: "2.0", info: about, paths: paths(resources, false), definitions: definitions("#/definitions/") };
}

function documentV3(groupVersion: string): Json {
  const served = resources.filter((resource) => apiVersionOf(resource) === groupVersion);
  return {
    openapi: "3.0.0",
    info: about,
    paths: paths(served, true),
    components: { schemas: definitions("#/components/schemas/") },
  };
}
