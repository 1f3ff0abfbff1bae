import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { stringify } from "csv-stringify/sync";
import { Type } from "typebox";
import { KPI_GROUPS, readKpis } from "#store/kpis.ts";
import type { RouteContext } from "../context.ts";
import { KpiSchema, kpiJson } from "../kpi-json.ts";
import { Problem } from "../problems.ts";
import { Ref } from "../schemas.ts";

/** Days of one report: rows of a report by day are bounded by it. */
const DAYS_MAX = 366;
const DAYS_DEFAULT = 7;
const DAY_MS = 86_400_000;

const Query = Type.Object({
  from: Type.Optional(
    Type.String({
      format: "date",
      description: `First day, by the fleet's calendar; ${DAYS_DEFAULT} days unless told`,
    }),
  ),
  to: Type.Optional(
    Type.String({ format: "date", description: `Last day, included; at most ${DAYS_MAX} days. Today unless told` }),
  ),
  groupBy: Type.Optional(Type.Enum([...KPI_GROUPS], { description: "What the rows are about; none unless told" })),
  format: Type.Optional(Type.Enum(["json", "csv"], { description: "json unless told" })),
});

/** `/v1/reports/kpis`. */
export const kpiRoutes =
  ({ database, now }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      "/reports/kpis",
      {
        config: { scope: "routes:read" },
        schema: {
          tags: ["reports"],
          summary: "Key figures of the stops of some days",
          description: "Counted on observed arrivals; a day is one of the fleet's time zone.",
          querystring: Query,
          response: {
            200: {
              description: "A row for each group",
              content: {
                "application/json": { schema: Type.Object({ data: Type.Array(Ref(KpiSchema)) }) },
                "text/csv": { schema: Type.String() },
              },
            },
          },
        },
      },
      async ({ principal: { fleetId }, query }, reply) => {
        const { groupBy = "none", format, to = dayOf(now()) } = query;
        const { from = dayOf(Date.parse(to) - (DAYS_DEFAULT - 1) * DAY_MS) } = query;
        const days = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;
        if (!(days >= 1 && days <= DAYS_MAX)) {
          const detail = `not between the first day and ${DAYS_MAX} days from it`;
          throw new Problem("validation", { extensions: { errors: [{ in: "querystring", pointer: "/to", detail }] } });
        }
        const data = (await readKpis(database, { fleetId, from, to, group: groupBy })).map(kpiJson);
        if (format !== "csv") return reply.send({ data });
        const columns = Object.keys(KpiSchema.properties);
        return reply
          .type("text/csv; charset=utf-8")
          .header("content-disposition", `attachment; filename="kpis-${from}-${to}.csv"`)
          .send(stringify(data, { header: true, columns }));
      },
    );
  };

const dayOf = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 10);
