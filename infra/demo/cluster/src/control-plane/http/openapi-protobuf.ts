// The OpenAPI v2 document in gnostic's protobuf form, the only one that kubectl before 1.24 accepts. Field numbers are those of gnostic's
// openapiv2/OpenAPIv2.proto; only the fields that our document has are written.
import { isJson, type Json } from "../objects.ts";
import type { DocumentV2 } from "./openapi.ts";

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

/** A length-delimited field: a string or a message. */
function field(number: number, value: string | Buffer): Buffer {
  const bytes = typeof value === "string" ? Buffer.from(value) : value;
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

function texts(number: number, value: unknown): Buffer[] {
  return typeof value === "string" ? [field(number, value)] : [];
}

function namedPairs(number: number, pairs: Record<string, unknown>, encode: (value: Json) => Buffer): Buffer[] {
  return Object.entries(pairs).flatMap(([name, value]) =>
    isJson(value) ? [field(number, Buffer.concat([field(1, name), field(2, encode(value))]))] : [],
  );
}

/** Extensions are carried as YAML text; JSON is YAML. */
function extensions(number: number, object: Json): Buffer[] {
  return Object.entries(object)
    .filter(([name]) => name.startsWith("x-"))
    .map(([name, value]) => field(number, Buffer.concat([field(1, name), field(2, field(2, JSON.stringify(value)))])));
}

function schema(value: Json): Buffer {
  const required = Array.isArray(value["required"]) ? value["required"].map(String) : [];
  const { additionalProperties, items, properties } = value;
  return Buffer.concat([
    ...texts(1, value["$ref"]),
    ...texts(2, value["format"]),
    ...required.map((name) => field(19, name)),
    ...(isJson(additionalProperties) ? [field(21, field(1, schema(additionalProperties)))] : []),
    ...(typeof value["type"] === "string" ? [field(22, field(1, value["type"]))] : []),
    ...(isJson(items) ? [field(23, field(1, schema(items)))] : []),
    ...(isJson(properties) ? [field(25, Buffer.concat(namedPairs(1, properties, schema)))] : []),
    ...extensions(31, value),
  ]);
}

function queryParameter(value: Json): Buffer {
  const parameter = Buffer.concat([...texts(2, value["in"]), ...texts(4, value["name"]), ...texts(6, value["type"])]);
  // ParametersItem.parameter, Parameter.non_body_parameter, NonBodyParameter.query_parameter_sub_schema.
  return field(1, field(2, field(3, parameter)));
}

function operation(value: Json): Buffer {
  const parameters = Array.isArray(value["parameters"]) ? value["parameters"].filter((each) => isJson(each)) : [];
  const ok = Buffer.concat([field(1, "200"), field(2, field(1, field(1, "OK")))]);
  return Buffer.concat([
    ...texts(5, value["operationId"]),
    ...parameters.map((each) => field(8, queryParameter(each))),
    field(9, field(1, ok)),
    ...extensions(13, value),
  ]);
}

const operationNumbers: Readonly<Record<string, number>> = { get: 2, put: 3, post: 4, delete: 5, patch: 8 };

function pathItem(value: Json): Buffer {
  return Buffer.concat(
    Object.entries(value).flatMap(([verb, each]) => {
      const number = operationNumbers[verb];
      return number !== undefined && isJson(each) ? [field(number, operation(each))] : [];
    }),
  );
}

export function encodeOpenApiV2(document: DocumentV2): Buffer {
  return Buffer.concat([
    field(1, document.swagger),
    field(2, Buffer.concat([field(1, document.info.title), field(2, document.info.version)])),
    field(8, Buffer.concat(namedPairs(2, document.paths, pathItem))),
    field(9, Buffer.concat(namedPairs(1, document.definitions, schema))),
  ]);
}
