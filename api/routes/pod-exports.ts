import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { stringify } from "csv-stringify/sync";
import { Type } from "typebox";
import { DELIVERIES_MAX, findTemperatureSpan, readDeliveries, readTemperatureRecord } from "#store/pod-exports.ts";
import { findPod } from "#store/pod-reads.ts";
import { insertCustodies } from "#store/pods.ts";
import { samplesOf, temperaturePolicy } from "#stream/judge/temperature-policy.ts";
import { sideOf } from "#stream/verdict/temperature.ts";
import type { RouteContext } from "../context.ts";
import { exportEvidence } from "../pod/export-evidence.ts";
import { Problem } from "../problems.ts";
import { whoIs } from "./pods.ts";

const Params = Type.Object({ id: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }) });
const Day = Type.Object({
  day: Type.Optional(Type.String({ format: "date", description: "In the fleet's time zone; today unless told" })),
});

/** A spreadsheet must not take a name for a formula. */
const CSV = { escape_formulas: true, header: true } as const;
const CSV_TYPE = "text/csv; charset=utf-8";
const PRIVATE = { "cache-control": "private, no-store" } as const;

/** `/v1/pods/{id}/evidence`, `/v1/stops/{id}/temperature.csv`, `/v1/deliveries.csv`. */
export const podExportRoutes =
  ({ database, now }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    const tags = ["proof of delivery"];

    app.get(
      "/pods/:id/evidence",
      {
        config: { scope: "pods:read" },
        schema: {
          ...{ tags, summary: "The evidence of a proof as an archive", params: Params },
          description: "A ZIP that `telematics verify FILE` checks without a server.",
        },
      },
      async (request, reply) => {
        const pod = await findPod(database, request.principal.fleetId, String(request.params.id));
        if (pod === undefined) throw new Problem("not_found");
        const archive = await exportEvidence(database, pod, whoIs(request), now());
        if (archive === undefined) throw new Problem("not_judged");
        const name = `evidence-${pod.podId}.zip`;
        return reply
          .headers({ ...PRIVATE, "content-disposition": `attachment; filename="${name}"` })
          .type("application/zip")
          .send(Buffer.from(archive.buffer, archive.byteOffset, archive.length));
      },
    );

    app.get(
      "/stops/:id/temperature.csv",
      {
        config: { scope: "pods:read" },
        schema: { tags, summary: "The temperature of a stop's load until it was delivered", params: Params },
      },
      async ({ params, principal }, reply) => {
        const span = await findTemperatureSpan(database, principal.fleetId, String(params.id), now());
        if (span === undefined) throw new Problem("not_found");
        const policy = temperaturePolicy(span.routePolicy, span.policy);
        const rows = policy === null ? [] : await readTemperatureRecord(database, span, policy.probes);
        const records = rows.flatMap((row) =>
          samplesOf([row], policy?.probes ?? []).map(({ timeMs, probe, celsius }) => [
            ...[new Date(timeMs).toISOString(), row.deviceUid, probe, celsius],
            celsius === null || policy === null ? "unknown" : sideOf(celsius, policy.rule),
          ]),
        );
        const columns = ["time", "device", "probe", "celsius", "state"];
        return reply
          .headers(PRIVATE)
          .type(CSV_TYPE)
          .send(stringify(records, { ...CSV, columns }));
      },
    );

    app.get(
      "/deliveries.csv",
      {
        config: { scope: "pods:read" },
        schema: {
          ...{ tags, summary: "A day's proofs with their verdicts", querystring: Day },
          description: `At most ${DELIVERIES_MAX} rows, the earliest first.`,
        },
      },
      async (request, reply) => {
        const day = request.query.day ?? null;
        const rows = await readDeliveries(database, request.principal.fleetId, day, now());
        await insertCustodies(database.pool, rows, { who: whoIs(request), action: "exported" });
        const records = rows.map(({ details, deviceTime, receivedAt, ...row }) => [
          ...[row.podId, row.stopId, row.stopExternalId, row.routeId, row.vehicleId, row.driverId],
          ...[row.outcome, row.reason, deviceTime.toISOString(), receivedAt.toISOString()],
          ...[details?.recipientName ?? null, details?.relationship ?? null, details?.idCheck ?? null],
          ...[details?.scans.join(" ") ?? null, details?.notes ?? null],
          ...[row.verdict, row.override, row.missing.join(" "), row.temperature],
        ]);
        return reply
          .headers(PRIVATE)
          .type(CSV_TYPE)
          .send(stringify(records, { ...CSV, columns: DELIVERY_COLUMNS }));
      },
    );
  };

const DELIVERY_COLUMNS = [
  ...["pod", "stop", "stopExternalId", "route", "vehicle", "driver", "outcome", "reason", "madeAt", "receivedAt"],
  ...["recipient", "relationship", "idCheck", "scans", "notes", "verdict", "override", "missing", "temperature"],
];
