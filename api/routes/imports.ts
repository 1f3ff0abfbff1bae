import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { chosenFleet } from "../chosen-fleet.ts";
import type { RouteContext } from "../context.ts";
import { INT4_MAX } from "../cursor.ts";
import { COLUMN_NAMES } from "../import-row.ts";
import { IMPORT_ADDRESSES_MAX, IMPORT_ERRORS_MAX, IMPORT_ROWS_MAX, importFile } from "../import-stops.ts";
import { Problem } from "../problems.ts";
import { Nullable, named, Ref } from "../schemas.ts";

/** The fleet that exists from the start. */
const DEFAULT_FLEET_ID = 1;
const IMPORT_BYTES_MAX = 33_554_432;

export const ImportSchema = named(
  "Import",
  Type.Object({
    dryRun: Type.Boolean(),
    rows: Type.Integer({ description: "Lines with something in them, without the header" }),
    created: Type.Integer(),
    updated: Type.Integer(),
    unchanged: Type.Integer(),
    failed: Type.Integer({ description: "Lines that were not taken" }),
    routesCreated: Type.Integer(),
    routesUpdated: Type.Integer(),
    ignoredColumns: Type.Array(Type.String()),
    errors: Type.Array(
      Type.Object({
        line: Type.Integer({ description: "Of the file, from 1, where the record begins" }),
        column: Nullable(Type.String()),
        columnNumber: Nullable(Type.Integer({ description: "From 1" })),
        code: Type.String(),
        detail: Type.String(),
      }),
      { description: `The first ${IMPORT_ERRORS_MAX}` },
    ),
    errorsCount: Type.Integer(),
  }),
);

const MEANING = `The first line names the columns, in any order; known are ${COLUMN_NAMES.join(", ")} (also as
window_start), others are left alone. Divided by comma, semicolon or tab; with or without a byte order mark; UTF-8. Times
are RFC 3339 with their zone. \`externalId\` names the stop: one that is there already is changed where the file differs,
and the same file again changes nothing. A column that is missing leaves what is there, an empty cell empties it. Stops of a
\`route\` come to its end in the order of the file, or to their \`position\`. Lines with errors are told and left out, the
others are taken. At most ${IMPORT_ROWS_MAX} lines, ${IMPORT_BYTES_MAX / 1_048_576} MiB and ${IMPORT_ADDRESSES_MAX}
addresses that are looked up.`;

/** `POST /v1/imports`: stops and routes from CSV. */
export const importRoutes =
  ({ database, geocode }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.addContentTypeParser(
      "text/csv",
      { parseAs: "buffer", bodyLimit: IMPORT_BYTES_MAX },
      async (_request: unknown, body: Buffer) => body,
    );
    app.post(
      "/imports",
      {
        config: { scope: "routes:write" },
        bodyLimit: IMPORT_BYTES_MAX,
        schema: {
          ...{ tags: ["routes"], summary: "Import stops and routes from CSV", description: MEANING },
          consumes: ["text/csv"],
          querystring: Type.Object({
            dryRun: Type.Optional(Type.Boolean({ description: "Say what would be done, and do nothing" })),
            fleetId: Type.Optional(Type.Integer({ minimum: 1, maximum: Number(INT4_MAX) })),
          }),
          response: { 200: Ref(ImportSchema) },
        },
      },
      async ({ principal, query, body }) => {
        if (!Buffer.isBuffer(body)) throw new Problem("media_type", { detail: "Send the file as text/csv." });
        const fleetId = chosenFleet(principal, query.fleetId) ?? DEFAULT_FLEET_ID;
        const dryRun = query.dryRun ?? false;
        const result = await importFile({ database, geocode, fleetId, dryRun }, textOf(body));
        if (result.kind === "unfit") throw new Problem("import_unfit", { detail: result.detail });
        const { ignoredColumns, ...report } = result.report;
        return { dryRun, ...report, ignoredColumns: [...ignoredColumns] };
      },
    );
  };

/** Throws `import_unfit` for what is not UTF-8: names would be garbled without anybody noticing. */
function textOf(body: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch (error) {
    if (error instanceof TypeError) throw new Problem("import_unfit", { detail: "The file is not UTF-8." });
    throw error;
  }
}
