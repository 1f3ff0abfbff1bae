import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { stringify } from "csv-stringify/sync";
import { Type } from "typebox";
import { KPI_GROUPS, readKpis } from "#store/kpis.ts";
import type { RouteContext } from "../context.ts";
import { KpiSchema, kpiJson } from "../kpi-json.ts";
import { ReportDays, reportDays } from "../report-days.ts";
import { Ref } from "../schemas.ts";

const Query = Type.Object({
  ...ReportDays,
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
        const { groupBy = "none", format } = query;
        const { from, to } = reportDays(query, now());
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
