// Turns a body into an object of its kind as the Go decoder would: nulls vanish, unknown fields are dropped (and reported), and a value of the
// wrong type is an error that names its place.
import { parseQuantity } from "../../quantity.ts";
import { isJson, type Json } from "../objects.ts";
import { anyShape, fieldsOf, type Scalar, type Shape, type StructShape } from "./schema.ts";

export interface Decoded {
  value: Json;
  /** Paths of fields that the kind does not have, as in `spec.template.spec.containers[0].nam`. */
  unknown: string[];
}

/** Thrown with a Go-like message, for the caller to wrap in a 400 or a 422. */
export class DecodeError extends Error {}

const goTypes: Readonly<Record<Scalar, string>> = {
  string: "string",
  integer: "int32",
  number: "float64",
  boolean: "bool",
  quantity: "resource.Quantity",
  "int-or-string": "intstr.IntOrString",
  time: "v1.Time",
  any: "any",
};

export function decode(value: Json, shape: StructShape): Decoded {
  const unknown: string[] = [];
  const decoded = decodeValue(value, shape, { path: "", struct: shape.name, unknown });
  if (!isJson(decoded)) throw new Error("a decoded struct is an object");
  return { value: decoded, unknown };
}

interface Place {
  path: string;
  /** The innermost named type, for the message. */
  struct: string;
  unknown: string[];
}

function mismatch(value: unknown, type: string, place: Place): DecodeError {
  const found = Array.isArray(value)
    ? "array"
    : value === null
      ? "null"
      : typeof value === "boolean"
        ? "bool"
        : typeof value;
  const field = place.path.replaceAll(/\[\d+\]/g, "");
  return new DecodeError(
    `json: cannot unmarshal ${found} into Go struct field ${place.struct}.${field} of type ${type}`,
  );
}

function decodeValue(value: unknown, shape: Shape, place: Place): unknown {
  switch (shape.is) {
    case "scalar":
      return decodeScalar(value, shape.type, place);
    case "list":
      if (!Array.isArray(value))
        throw mismatch(value, `[]${shape.of.is === "struct" ? `v1.${shape.of.name}` : "string"}`, place);
      return value.map((item, i) => decodeValue(item, shape.of, { ...place, path: `${place.path}[${i}]` }));
    case "map": {
      if (!isJson(value)) throw mismatch(value, "map[string]string", place);
      const entries = Object.entries(value).filter(([, item]) => item !== null);
      return Object.fromEntries(
        entries.map(([key, item]) => [key, decodeValue(item, shape.of, { ...place, path: `${place.path}.${key}` })]),
      );
    }
    case "struct":
      return decodeStruct(value, shape, place);
  }
}

function decodeStruct(value: unknown, shape: StructShape, place: Place): Json {
  if (!isJson(value)) throw mismatch(value, `v1.${shape.name}`, place);
  const fields = fieldsOf(shape.name);
  const result: Json = {};
  for (const [key, item] of Object.entries(value)) {
    const path = place.path === "" ? key : `${place.path}.${key}`;
    const field = fields.get(key);
    if (field === undefined) place.unknown.push(path);
    else if (item !== null)
      result[key] = decodeValue(item, field.shape ?? anyShape, { ...place, path, struct: shape.name });
  }
  return result;
}

function decodeScalar(value: unknown, type: Scalar, place: Place): unknown {
  const fits =
    type === "any" ||
    (type === "integer" && Number.isSafeInteger(value)) ||
    (type === "number" && typeof value === "number") ||
    (type === "boolean" && typeof value === "boolean") ||
    ((type === "quantity" || type === "int-or-string") && (typeof value === "number" || typeof value === "string")) ||
    ((type === "string" || type === "time") && typeof value === "string");
  if (!fits) throw mismatch(value, goTypes[type], place);
  return type === "quantity" ? decodeQuantity(String(value), place) : value;
}

function decodeQuantity(text: string, place: Place): string {
  if (parseQuantity(text) !== undefined) return canonicalQuantity(text);
  throw new DecodeError(
    `quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$' (${place.path}: ${JSON.stringify(text)})`,
  );
}

/** The two forms that people write and the server rewrites: fractions ("0.5" is "500m") and whole thousands of milli ("1000m" is "1"). */
function canonicalQuantity(text: string): string {
  const milli = /^(\d+)m$/.exec(text)?.[1];
  if (milli !== undefined) return Number(milli) % 1000 === 0 ? String(Number(milli) / 1000) : text;
  if (/^\d*\.\d+$/.test(text)) {
    const thousandths = Math.ceil(Number(text) * 1000);
    return thousandths % 1000 === 0 ? String(thousandths / 1000) : `${thousandths}m`;
  }
  return text;
}
