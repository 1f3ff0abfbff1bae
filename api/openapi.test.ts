import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestApi, type TestApi } from "./testing.ts";

let api: TestApi;

beforeAll(async () => {
  api = await openTestApi();
});

afterAll(() => api?.close());

type Operation = { responses: Record<string, unknown>; security?: unknown[]; summary?: string };
type Document = { openapi: string; paths: Record<string, Record<string, Operation>>; components: { schemas: object } };

const read = async (): Promise<Document> => (await api.app.inject({ url: "/openapi.json" })).json();

test("the document is valid OpenAPI 3.1", async () => {
  const document = await read();
  const validator = new Validator();
  const result = await validator.validate(structuredClone(document));
  expect(result.errors ?? []).toEqual([]);
  expect([result.valid, validator.version]).toEqual([true, "3.1"]);
  expect(() => validator.resolveRefs()).not.toThrow();
});

test("each operation that needs a key says so, what it is for and that it may answer problems", async () => {
  const document = await read();
  const operations = Object.entries(document.paths).filter(([path]) => path.startsWith("/v1/"));
  expect(operations.length).toBeGreaterThan(12);
  for (const [path, item] of operations) {
    for (const operation of Object.values(item)) {
      expect([path, operation.security?.length, Object.keys(operation.responses)]).toEqual([
        path,
        1,
        expect.arrayContaining(["4XX", "5XX"]),
      ]);
      expect(operation.summary).toBeTruthy();
    }
  }
  expect(Object.keys(document.components.schemas)).toEqual(expect.arrayContaining(["Fix", "Position", "Problem"]));
});

test("the page of documentation is served whole by the API itself", async () => {
  const page = await api.app.inject({ url: "/docs/", headers: { accept: "text/html" } });
  expect(page.statusCode).toBe(200);
  const assets = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1]!);
  expect(assets.length).toBeGreaterThan(3);
  for (const asset of assets) {
    const { pathname, host } = new URL(asset, "http://api.test/docs/");
    expect(host).toBe("api.test");
    expect([asset, (await api.app.inject({ url: pathname })).statusCode]).toEqual([asset, 200]);
  }
  const policy = String(page.headers["content-security-policy"]);
  expect(policy).toContain("default-src 'self'");
  expect(policy).not.toMatch(/https?:|\*/);
});

test("health, readiness, metrics and the catalogue of problems need no key", async () => {
  expect((await api.app.inject({ url: "/healthz" })).json()).toEqual({ status: "up" });
  const ready = (await api.app.inject({ url: "/readyz" })).json();
  expect(ready).toEqual({ ready: true, checks: [{ name: "database", ready: true, detail: "answers" }] });
  const metrics = await api.app.inject({ url: "/metrics" });
  expect(metrics.body).toContain('api_request_seconds_count{method="GET",route="/readyz",status="200"} 1');
  const problems = (await api.app.inject({ url: "/problems" })).json();
  expect(problems).toContainEqual(expect.objectContaining({ code: "cursor_expired", status: 410 }));
});

test("one check that fails or hangs makes the process not ready, and says which", async () => {
  const failing = await openTestApi({
    readiness: [
      { name: "migrations", check: async () => ({ ready: false, detail: "1 pending" }) },
      { name: "stream", check: () => Promise.reject(new Error("secret")) },
    ],
  });
  const answer = await failing.app.inject({ url: "/readyz" });
  await failing.close();
  expect(answer.statusCode).toBe(503);
  expect(answer.json().checks.slice(1)).toEqual([
    { name: "migrations", ready: false, detail: "1 pending" },
    { name: "stream", ready: false, detail: "does not answer" },
  ]);
});
