import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { shopImages } from "./images.ts";
import { type KubernetesObject, shopManifests } from "./manifests.ts";

interface Container {
  image: string;
  envFrom?: { configMapRef: { name: string } }[];
}
interface DeploymentSpec {
  selector: { matchLabels: Record<string, string> };
  template: { metadata: { labels: Record<string, string> }; spec: { containers: Container[] } };
}

const ofKind = (kind: string): KubernetesObject[] => shopManifests().filter((object) => object.kind === kind);

test("every Deployment runs an image that exists, labelled with its version", () => {
  const images = shopImages();
  const deployments = ofKind("Deployment");
  assert.equal(deployments.length, 7);
  for (const { metadata, spec } of deployments) {
    const { template, selector } = spec as DeploymentSpec;
    const image = template.spec.containers[0]?.image ?? "";
    assert.ok(images[image], `${metadata.name} runs ${image}`);
    assert.equal(image, `shop/${metadata.name}:${template.metadata.labels["app.kubernetes.io/version"]}`);
    assert.equal(selector.matchLabels["app.kubernetes.io/name"], metadata.name);
    assert.equal(template.metadata.labels["app.kubernetes.io/name"], metadata.name);
  }
});

test("every ConfigMap that a container takes its environment from is there, and every Deployment has its Service", () => {
  const settings = new Set(ofKind("ConfigMap").map(({ metadata }) => metadata.name));
  const services = new Set(ofKind("Service").map(({ metadata }) => metadata.name));
  for (const { metadata, spec } of ofKind("Deployment")) {
    assert.ok(services.has(metadata.name));
    const [container] = (spec as DeploymentSpec).template.spec.containers;
    for (const { configMapRef } of container?.envFrom ?? []) assert.ok(settings.has(configMapRef.name));
  }
});

test("the namespace comes first, and the telemetry goes where it is told", () => {
  const objects = shopManifests({ otlpEndpoint: "http://127.0.0.1:9999" });
  assert.equal(objects[0]?.kind, "Namespace");
  const telemetry = objects.find(({ metadata }) => metadata.name === "telemetry");
  const settings = telemetry?.["data"] as Record<string, string>;
  assert.equal(settings["OTEL_EXPORTER_OTLP_ENDPOINT"], "http://127.0.0.1:9999");
  assert.equal(settings["OTEL_BSP_SCHEDULE_DELAY"], "500");
});

test("images are absolute command lines of files that exist", () => {
  for (const [name, { command, cwd, env }] of Object.entries(shopImages())) {
    for (const part of command.filter((word) => !word.startsWith("--")))
      assert.ok(existsSync(part), `${name}: ${part}`);
    assert.ok(existsSync(cwd));
    assert.equal(env["SERVICE_VERSION"], name.split(":")[1]);
  }
});
