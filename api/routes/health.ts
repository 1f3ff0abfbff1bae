import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import type { RouteContext } from "../context.ts";
import type { ReadinessCheck } from "../deps.ts";
import { PROBLEMS } from "../problems.ts";

/** A check that has not answered by then counts as not ready. */
const CHECK_MS_MAX = 3_000;

const Readiness = Type.Object({
  ready: Type.Boolean(),
  checks: Type.Array(Type.Object({ name: Type.String(), ready: Type.Boolean(), detail: Type.String() })),
});

/** What machines that run this process ask, without a key: health, readiness, metrics; and the catalogue of problems. */
export const healthRoutes =
  (context: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    const { database, registry, readiness = [], metrics = () => registry.metrics() } = context;
    const checks: readonly ReadinessCheck[] = [
      {
        name: "database",
        check: async () => {
          await database.pool.query("select 1");
          return { ready: true, detail: "answers" };
        },
      },
      ...readiness,
    ];

    app.get(
      "/healthz",
      {
        schema: {
          tags: ["operation"],
          summary: "Whether the process is up",
          response: { 200: Type.Object({ status: Type.String() }) },
        },
      },
      async () => ({ status: "up" }),
    );

    app.get(
      "/readyz",
      {
        schema: {
          tags: ["operation"],
          summary: "Whether the process can serve: each check by name",
          response: { 200: Readiness, 503: Readiness },
        },
      },
      async (request, reply) => {
        const results = await Promise.all(
          checks.map(async ({ name, check }) => {
            try {
              return { name, ...(await within(CHECK_MS_MAX, check())) };
            } catch (error) {
              request.log.debug({ err: error }, "readiness check failed");
              return { name, ready: false, detail: "does not answer" };
            }
          }),
        );
        const ready = results.every((result) => result.ready);
        return reply.code(ready ? 200 : 503).send({ ready, checks: results });
      },
    );

    app.get("/metrics", { schema: { hide: true } }, async (_request, reply) => {
      reply.type(registry.contentType);
      return metrics();
    });

    app.get("/problems", { schema: { hide: true } }, async () =>
      Object.entries(PROBLEMS).map(([code, problem]) => ({ type: `/problems#${code}`, code, ...problem })),
    );
  };

async function within<T>(timeMs: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("no answer in time")), timeMs);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
