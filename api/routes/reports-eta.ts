import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { stringify } from "csv-stringify/sync";
import { Type } from "typebox";
import { ETA_GROUPS, readEtaSums } from "#store/eta-reports.ts";
import { HORIZON_BANDS } from "#stream/eta/score-etas.ts";
import type { RouteContext } from "../context.ts";
import { EtaAccuracySchema, etaAccuracyCsvRow, etaAccuracyJson } from "../eta-accuracy-json.ts";
import { ReportDays, reportDays } from "../report-days.ts";
import { Ref } from "../schemas.ts";

const Query = Type.Object({
  ...ReportDays,
  groupBy: Type.Optional(
    Type.Enum([...ETA_GROUPS], { description: "What the rows are about; the horizon at issue unless told" }),
  ),
  format: Type.Optional(Type.Enum(["json", "csv"], { description: "json unless told" })),
});

/** `/v1/reports/eta-accuracy`. */
export const etaReportRoutes =
  ({ database, now }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      "/reports/eta-accuracy",
      {
        config: { scope: "routes:read" },
        schema: {
          tags: ["reports"],
          summary: "How right the ETAs were",
          description:
            "Every ETA issued for stops reached on these days, against the observed arrival; the same rows give the same report.",
          querystring: Query,
          response: {
            200: {
              description: "A row for each group with ETAs",
              content: {
                "application/json": { schema: Type.Object({ data: Type.Array(Ref(EtaAccuracySchema)) }) },
                "text/csv": { schema: Type.String() },
              },
            },
          },
        },
      },
      async ({ principal: { fleetId }, query }, reply) => {
        const { groupBy = "horizon", format } = query;
        const { from, to } = reportDays(query, now());
        const sums = await readEtaSums(database, {
          ...{ fleetId, from, to, group: groupBy },
          bandEndsS: HORIZON_BANDS.slice(0, -1).map(({ endS }) => endS),
          bandNames: HORIZON_BANDS.map(({ name }) => name),
        });
        const data = etaAccuracyJson(sums, groupBy === "area");
        if (format !== "csv") return reply.send({ data });
        return reply
          .type("text/csv; charset=utf-8")
          .header("content-disposition", `attachment; filename="eta-accuracy-${from}-${to}.csv"`)
          .send(stringify(data.map(etaAccuracyCsvRow), { header: true }));
      },
    );
  };
