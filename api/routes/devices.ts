import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { listDevices, listUnknownDevices, registerDevice, removeDevice, updateDevice } from "#store/devices.ts";
import { chosenFleet } from "../chosen-fleet.ts";
import type { RouteContext } from "../context.ts";
import { formatCursor, INT4_MAX, parseCursor } from "../cursor.ts";
import { DeviceSchema, deviceJson, UnknownDeviceSchema, unknownDeviceJson } from "../device-json.ts";
import { type DeviceSecrets, Password, PayloadKey, settingsOf } from "../device-secrets.ts";
import { once } from "../idempotency.ts";
import { PAGE_ROWS_DEFAULT, UID_CHARACTERS_MAX } from "../limits.ts";
import { Problem } from "../problems.ts";
import { Nullable, Page, PageQuery, pageOf, Ref, UidParams } from "../schemas.ts";
import { visibleDevice } from "../visible-device.ts";

/** The fleet that exists from the start. */
const DEFAULT_FLEET_ID = 1;
const TEXT_CHARACTERS_MAX = 200;

const Protocol = Type.Enum(["teltonika", "queclink", "gt06", "owntracks", "osmand"]);
const Text = Type.String({ minLength: 1, maxLength: TEXT_CHARACTERS_MAX });

const NewDevice = Type.Object(
  {
    uid: Type.String({
      // `unknown` is the path of the list of unknown devices.
      pattern: "^(?!unknown$)[^\\u0000-\\u001f\\u007f]+$",
      minLength: 1,
      maxLength: UID_CHARACTERS_MAX,
      description: "IMEI of a tracker, user/device of OwnTracks",
    }),
    model: Type.Optional(Nullable(Text)),
    name: Type.Optional(Nullable(Text)),
    protocol: Type.Optional(Nullable(Protocol)),
    fleetId: Type.Optional(Type.Integer({ minimum: 1, maximum: Number(INT4_MAX) })),
    password: Type.Optional(Password),
    payloadKey: Type.Optional(PayloadKey),
  },
  { additionalProperties: false },
);

const DeviceChange = Type.Object(
  {
    model: Type.Optional(Nullable(Text)),
    name: Type.Optional(Nullable(Text)),
    protocol: Type.Optional(Nullable(Protocol)),
    password: Type.Optional(Nullable(Password)),
    payloadKey: Type.Optional(Nullable(PayloadKey)),
  },
  { additionalProperties: false, minProperties: 1 },
);

/** The registry: `/v1/devices…`. */
export const deviceRoutes =
  ({ database }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      "/devices",
      {
        config: { scope: "devices:read" },
        schema: {
          tags: ["devices"],
          summary: "The devices of the fleet",
          querystring: PageQuery,
          response: { 200: Page(DeviceSchema) },
        },
      },
      async ({ principal, query }) => {
        const limit = query.limit ?? PAGE_ROWS_DEFAULT;
        const [after] = query.after === undefined ? ["0"] : parseCursor("devices", query.after, [INT4_MAX]);
        const page = { fleetId: principal.fleetId, after: Number(after), limit: limit + 1 };
        const rows = await listDevices(database, page);
        return pageOf(rows, limit, deviceJson, (last) => formatCursor("devices", last.deviceId));
      },
    );

    app.post(
      "/devices",
      {
        config: { scope: "devices:write", idempotent: true },
        schema: {
          tags: ["devices"],
          summary: "Register a device",
          description: "From its next login on, it is let in.",
          body: NewDevice,
          response: { 201: Ref(DeviceSchema) },
        },
      },
      async (request, reply) => {
        const { principal, body } = request;
        const fleetId = chosenFleet(principal, body.fleetId) ?? DEFAULT_FLEET_ID;
        const device = { ...(await withSettings(body)), fleetId };
        return once(database, request, reply, async (inside) => {
          const result = await registerDevice(inside, device);
          if (result.kind === "exists") throw new Problem("uid_taken");
          reply.code(201).header("location", `/v1/devices/${encodeURIComponent(body.uid)}`);
          return deviceJson(result.device);
        });
      },
    );

    app.get(
      "/devices/:id",
      {
        config: { scope: "devices:read" },
        schema: {
          tags: ["devices"],
          summary: "A device",
          params: UidParams,
          response: { 200: Ref(DeviceSchema) },
        },
      },
      async (request) => deviceJson(await visibleDevice(database, request, request.params.id)),
    );

    app.patch(
      "/devices/:id",
      {
        config: { scope: "devices:write" },
        schema: {
          tags: ["devices"],
          summary: "Change what is known of a device",
          params: UidParams,
          body: DeviceChange,
          response: { 200: Ref(DeviceSchema) },
        },
      },
      async ({ principal, params, body }) => {
        const device = await updateDevice(database, principal.fleetId, params.id, await withSettings(body));
        if (device === undefined) throw new Problem("not_found");
        return deviceJson(device);
      },
    );

    app.delete(
      "/devices/:id",
      {
        config: { scope: "devices:write" },
        schema: {
          tags: ["devices"],
          summary: "Take a device out of the registry",
          description: "From its next login on, it is refused.",
          params: UidParams,
          response: { 204: Type.Null({ description: "Removed" }) },
        },
      },
      async ({ principal, params }, reply) => {
        if (!(await removeDevice(database, principal.fleetId, params.id))) throw new Problem("not_found");
        return reply.code(204).send(null);
      },
    );

    app.get(
      "/devices/unknown",
      {
        config: { scope: "devices:read" },
        schema: {
          tags: ["devices"],
          summary: "Devices that knocked without being registered",
          description: "They belong to no fleet yet: a key for all fleets is needed.",
          querystring: PageQuery,
          response: { 200: Page(UnknownDeviceSchema) },
        },
      },
      async ({ principal, query }) => {
        if (principal.fleetId !== null) throw new Problem("all_fleets_only");
        const limit = query.limit ?? PAGE_ROWS_DEFAULT;
        const [after] = query.after === undefined ? ["0"] : parseCursor("unknown", query.after, [INT4_MAX]);
        const rows = await listUnknownDevices(database, { after: Number(after), limit: limit + 1 });
        return pageOf(rows, limit, unknownDeviceJson, () => formatCursor("unknown", Number(after) + limit));
      },
    );
  };

/** The columns of a body, its secrets among the settings. */
async function withSettings<Body extends DeviceSecrets>(body: Body) {
  const { password, payloadKey, ...columns } = body;
  return { ...columns, ...(await settingsOf({ password, payloadKey } as DeviceSecrets)) };
}
