// The API itself, below HTTP: every write by anybody, the controllers included, goes through here. All of it is synchronous, so a read and the
// write that depends on it are one step.
import { timestamp, type Clock } from "../clock.ts";
import { isJson, sameJson, type Json, type KubeObject } from "../objects.ts";
import { apply, managedAfterUpdate } from "../patch/managed-fields.ts";
import { decode, DecodeError } from "../schema/decode.ts";
import { structShape, type StructShape } from "../schema/schema.ts";
import type { Store } from "../store/store.ts";
import { applyDefaults } from "./defaults.ts";
import { storedForm, viewOf } from "./event-view.ts";
import {
  alreadyExists,
  ApiFailure,
  badRequest,
  conflict,
  forbidden,
  invalid,
  modifiedWhy,
  notFound,
} from "./failure.ts";
import { applyPatch, type PatchType } from "./patching.ts";
import { apiVersionOf, type Resource } from "./resources.ts";
import { prepareCreate, prepareUpdate } from "./strategy.ts";
import { validate } from "./validation.ts";
import type { Predicate } from "./selectors.ts";

export interface WriteOptions {
  dryRun: boolean;
  manager: string;
  fieldValidation: "Ignore" | "Warn" | "Strict";
  /** Server-side apply takes over fields of other managers. */
  force: boolean;
  /** Receives what the client should be warned of. */
  warn: (message: string) => void;
}

export interface Target {
  resource: Resource;
  namespace: string | undefined;
  name: string;
  /** "status" writes the status alone; "" everything else; "scale" is recorded as such in managedFields. */
  subresource: "" | "status" | "scale";
}

export interface Written {
  object: KubeObject;
  created: boolean;
}

export function optionsFor(manager: string): WriteOptions {
  return { dryRun: false, manager, fieldValidation: "Ignore", force: false, warn: () => undefined };
}

export class Api {
  readonly store: Store;
  readonly clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.store = store;
    this.clock = clock;
  }

  get(resource: Resource, namespace: string | undefined, name: string): KubeObject {
    return viewOf(resource, this.#stored({ resource, namespace, name, subresource: "" }));
  }

  list(resource: Resource, namespace: string | undefined, predicate: Predicate = () => true): KubeObject[] {
    return this.store
      .list(resource.storedAs, namespace)
      .filter(predicate)
      .map((object) => viewOf(resource, object));
  }

  #stored(target: Target): KubeObject {
    const found = this.store.get(target.resource.storedAs, target.namespace, target.name);
    if (found === undefined) throw notFound(target.resource, target.name);
    return found;
  }

  create(resource: Resource, namespace: string | undefined, body: Json, options: WriteOptions): KubeObject {
    const object = this.#decode(resource, body, options);
    const given = object.metadata.namespace;
    if (given !== undefined && given !== namespace) {
      throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
    }
    return this.#insert(resource, namespace, object, options, undefined);
  }

  /** `managed` is given when server-side apply creates the object, which owns its fields in its own way. */
  #insert(
    resource: Resource,
    namespace: string | undefined,
    object: KubeObject,
    options: WriteOptions,
    managed: KubeObject["metadata"]["managedFields"],
  ): KubeObject {
    if (resource.namespaced) this.#admitNamespace(resource, namespace, object.metadata.name ?? "");
    if (object.metadata.resourceVersion !== undefined && object.metadata.resourceVersion !== "") {
      throw badRequest("resourceVersion should not be set on objects to be created");
    }
    prepareCreate(resource, object, namespace, this.clock.now(), this.store);
    applyDefaults(resource, object);
    const causes = validate(resource, object, undefined);
    const { name } = object.metadata;
    if (causes.length > 0) throw invalid(resource.group, resource.kind, name, causes);
    if (this.store.get(resource.storedAs, namespace, name) !== undefined) throw alreadyExists(resource, name);
    object.metadata.managedFields =
      managed ?? managedAfterUpdate(undefined, object, shapeOf(resource), this.#writer(resource, "", options));
    const stored = storedForm(resource, object);
    return viewOf(resource, options.dryRun ? stored : this.store.put(resource.storedAs, stored));
  }

  #admitNamespace(resource: Resource, namespace: string | undefined, name: string): void {
    const found = this.store.get("/namespaces", undefined, namespace ?? "");
    if (found === undefined) throw notFound({ group: "", plural: "namespaces" }, namespace ?? "");
    if (found.metadata.deletionTimestamp === undefined) return;
    throw forbidden(
      resource,
      name,
      `unable to create new content in namespace ${namespace} because it is being terminated`,
    );
  }

  update(target: Target, body: Json, options: WriteOptions): Written {
    const { resource } = target;
    const object = this.#decode(resource, body, options);
    if (object.metadata.name === undefined) throw badRequest("the name of the object must be given");
    if (object.metadata.name !== target.name) {
      throw badRequest(
        `the name of the object (${object.metadata.name}) does not match the name on the URL (${target.name})`,
      );
    }
    if (object.metadata.namespace !== undefined && object.metadata.namespace !== target.namespace) {
      throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
    }
    const before = this.#stored(target);
    return { object: this.#replace(target, object, viewOf(resource, before), options, undefined), created: false };
  }

  patch(target: Target, type: PatchType, patch: unknown, options: WriteOptions): Written {
    if (type === "apply") return this.#apply(target, patch, options);
    const before = viewOf(target.resource, this.#stored(target));
    const patched = applyPatch(type, before, patch, shapeOf(target.resource));
    const object = this.#decode(target.resource, patched, options, patched);
    return { object: this.#replace(target, object, before, options, undefined), created: false };
  }

  #apply(target: Target, config: unknown, options: WriteOptions): Written {
    const { resource, namespace, name } = target;
    if (!isJson(config)) throw badRequest("the apply configuration must be an object");
    const before = this.store.get(resource.storedAs, namespace, name);
    const meta = isJson(config["metadata"]) ? config["metadata"] : {};
    if (meta["managedFields"] !== undefined) throw badRequest("metadata.managedFields must be nil");
    const named = { ...config, metadata: { ...meta, name, ...(namespace === undefined ? {} : { namespace }) } };
    if (meta["name"] !== undefined && meta["name"] !== name) {
      throw badRequest(
        `the name of the object (${JSON.stringify(meta["name"])}) does not match the name on the URL (${name})`,
      );
    }
    const applied = this.#decodeApplied(target, named);
    const writer = this.#writer(resource, target.subresource, options);
    const live = before === undefined ? undefined : viewOf(resource, before);
    const { object, managedFields } = apply(live, applied, shapeOf(resource), writer, options.force);
    const merged = structuredClone(object) as KubeObject;
    if (live !== undefined)
      return { object: this.#replace(target, merged, live, options, managedFields), created: false };
    if (target.subresource !== "") throw notFound(resource, name);
    return { object: this.#insert(resource, namespace, merged, options, managedFields), created: true };
  }

  #decodeApplied(target: Target, config: Json): Json {
    const { resource } = target;
    this.#checkKind(resource, config);
    const what = `failed to create typed patch object (${target.namespace ?? ""}/${target.name}; ${apiVersionOf(resource)}, Kind=${resource.kind})`;
    try {
      const { value, unknown } = decode(config, shapeOf(resource));
      if (unknown.length === 0) return value;
      // kube-apiserver answers 500 here, with no reason; clients go by the message.
      throw new ApiFailure(
        500,
        "",
        `${what}: ${unknown.map((path) => `.${path}: field not declared in schema`).join("\n")}`,
      );
    } catch (error) {
      throw error instanceof DecodeError ? new ApiFailure(500, "", `${what}: ${error.message}`) : error;
    }
  }

  /** For controllers: rewrites the current object by a function; null means that nothing is to change. */
  modify(target: Target, change: (current: KubeObject) => KubeObject | null, manager: string): KubeObject {
    const before = this.#stored(target);
    const after = change(structuredClone(before));
    return after === null ? before : this.#replace(target, after, before, optionsFor(manager), undefined);
  }

  #replace(
    target: Target,
    object: KubeObject,
    before: KubeObject,
    options: WriteOptions,
    managed: KubeObject["metadata"]["managedFields"],
  ): KubeObject {
    const { resource, name } = target;
    const version = object.metadata.resourceVersion;
    if (version !== undefined && version !== "" && version !== before.metadata.resourceVersion)
      throw conflict(resource, name, modifiedWhy);
    prepareUpdate(resource, object, before, target.subresource);
    applyDefaults(resource, object);
    const causes = validate(resource, object, before);
    if (causes.length > 0) throw invalid(resource.group, resource.kind, name, causes);
    const writer = this.#writer(resource, target.subresource, options);
    object.metadata.managedFields = managed ?? managedAfterUpdate(before, object, shapeOf(resource), writer);
    if (sameJson(object, before)) return before;
    const stored = storedForm(resource, object);
    if (options.dryRun) return viewOf(resource, stored);
    const written = this.store.put(resource.storedAs, stored);
    if (isFinished(resource, written)) this.store.remove(resource.storedAs, target.namespace, name);
    return viewOf(resource, written);
  }

  #writer(resource: Resource, subresource: string, options: WriteOptions) {
    return {
      manager: options.manager,
      apiVersion: apiVersionOf(resource),
      subresource,
      now: timestamp(this.clock.now()),
    };
  }

  #checkKind(resource: Resource, body: Json): void {
    const { apiVersion, kind } = body;
    if (apiVersion === apiVersionOf(resource) && kind === resource.kind) return;
    if (apiVersion === undefined && kind === undefined) return;
    const version = (typeof apiVersion === "string" ? apiVersion : "").split("/").at(-1);
    throw badRequest(
      `${String(kind)} in version "${version}" cannot be handled as a ${resource.kind}: the API version in the data (${String(apiVersion)}) or its kind ` +
        `does not match the expected ${apiVersionOf(resource)}, ${resource.kind}`,
    );
  }

  /** `patched` is set when the body is the outcome of a patch: then faults are the patch's, which the API answers with 422. */
  #decode(resource: Resource, body: Json, options: WriteOptions, patched?: Json): KubeObject {
    this.#checkKind(resource, body);
    const fail = (why: string): ApiFailure => {
      if (patched === undefined)
        return badRequest(
          `${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: ${why}`,
        );
      const message = `Invalid value: ${JSON.stringify(JSON.stringify(patched))}: ${why}`;
      return invalid("", "", "", [{ reason: "FieldValueInvalid", message, field: "patch" }]);
    };
    try {
      const { value, unknown } = decode(body, shapeOf(resource));
      const said = unknown.map((path) => `unknown field "${path}"`);
      if (said.length > 0 && options.fieldValidation === "Strict")
        throw fail(`strict decoding error: ${said.join(", ")}`);
      if (options.fieldValidation === "Warn") for (const warning of said) options.warn(warning);
      value["apiVersion"] = apiVersionOf(resource);
      value["kind"] = resource.kind;
      value["metadata"] ??= {};
      return value as KubeObject;
    } catch (error) {
      throw error instanceof DecodeError ? fail(error.message) : error;
    }
  }
}

export function shapeOf(resource: Resource): StructShape {
  return structShape(resource.type);
}

/** Whether nothing holds a deleted object any more: no finalizer, and for a pod no grace period. */
export function isFinished(resource: Resource, object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = object.metadata;
  if (deletionTimestamp === undefined || finalizers.length > 0) return false;
  if (resource.kind === "Namespace")
    return Array.isArray(object.spec?.["finalizers"]) && object.spec["finalizers"].length === 0;
  return deletionGracePeriodSeconds === 0;
}
