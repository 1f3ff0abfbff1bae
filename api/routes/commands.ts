import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { type Static, Type } from "typebox";
import {
  cancelCommand,
  createCommand,
  findCommand,
  findDeviceProtocol,
  listCommands,
  readCommandAudit,
} from "#store/commands.ts";
import { requireScope } from "../auth.ts";
import {
  COMMAND_CLASSES,
  COMMAND_STATES,
  CommandCondition,
  CommandSchema,
  CommandWithAudit,
  commandJson,
  commandWithAuditJson,
} from "../command-json.ts";
import type { RouteContext } from "../context.ts";
import { formatCursor, INT8_MAX, parseCursor } from "../cursor.ts";
import { once } from "../idempotency.ts";
import {
  COMMAND_ATTEMPTS_DEFAULT,
  COMMAND_ATTEMPTS_MAX,
  COMMAND_TEXT_CHARACTERS_MAX,
  COMMAND_TTL_DEFAULT_S,
  COMMAND_TTL_MAX_S,
  PAGE_ROWS_DEFAULT,
  UID_CHARACTERS_MAX,
} from "../limits.ts";
import { Problem } from "../problems.ts";
import { Page, PageQuery, pageOf, Ref } from "../schemas.ts";
import { visibleDevice } from "../visible-device.ts";

const Uid = Type.String({ minLength: 1, maxLength: UID_CHARACTERS_MAX });

const NewCommand = Type.Object(
  {
    deviceUid: Type.Optional(Uid),
    device: Type.Optional(Type.String({ ...Uid, description: "The same as deviceUid; one of both is needed" })),
    text: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: COMMAND_TEXT_CHARACTERS_MAX,
        description:
          "In the words of the device's manual: getver · AT+GTRTO=gv300,1,,,,,,FFFF$ · STATUS# · reportLocation",
      }),
    ),
    type: Type.Optional(
      Type.Enum(["locate", "status", "version", "restart"], {
        description: "Instead of text, where the device's protocol has words for it",
      }),
    ),
    codec: Type.Optional(Type.Enum([12, 14], { description: "Teltonika: 14 is executed by this IMEI only" })),
    class: Type.Optional(
      Type.Enum([...COMMAND_CLASSES], { description: "What keeps a vehicle from driving is immobiliser in any case" }),
    ),
    ttlS: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: COMMAND_TTL_MAX_S,
        description: `How long it is wanted, seconds; ${COMMAND_TTL_DEFAULT_S} unless told`,
      }),
    ),
    attemptsMax: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: COMMAND_ATTEMPTS_MAX,
        description: `Times it may be sent when no answer comes; ${COMMAND_ATTEMPTS_DEFAULT} unless told`,
      }),
    ),
    condition: Type.Optional(CommandCondition),
  },
  { additionalProperties: false },
);

const CommandParams = Type.Object({ id: Type.String({ pattern: "^[0-9]{1,18}$" }) });

const CommandQuery = Type.Interface([PageQuery], {
  device: Type.Optional(Uid),
  state: Type.Optional(Type.Enum([...COMMAND_STATES])),
});

/** Commands to devices: `/v1/commands…`. */
export const commandRoutes =
  ({ database, prepareCommand }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      "/commands",
      {
        config: { scope: "commands:write", idempotent: true },
        schema: {
          tags: ["commands"],
          summary: "Queue a command to a device",
          description:
            "It is sent when the device is connected and its condition holds. Immobiliser-class commands need the scope commands:immobiliser as well and are sent to a vehicle seen to stand only.",
          body: NewCommand,
          response: { 202: Ref(CommandSchema) },
        },
      },
      async (request, reply) => {
        const { principal, body } = request;
        const uid = oneOf(body, "deviceUid", "device");
        oneOf(body, "text", "type");
        const device = await visibleDevice(database, request, uid);
        const protocol = await findDeviceProtocol(database, device.deviceId);
        if (protocol === null)
          throw new Problem("command_unfit", { detail: "The device's protocol is not known yet." });
        const options = body.codec === undefined ? {} : { codec: body.codec };
        const { text, type, class: asked, condition } = body;
        const prepared = prepareCommand({
          protocol,
          options,
          condition: condition ?? null,
          ...(text === undefined ? {} : { text }),
          ...(type === undefined ? {} : { type }),
          ...(asked === undefined ? {} : { class: asked }),
        });
        if (prepared.kind === "misfit") throw new Problem("command_unfit", { detail: prepared.detail });
        if (prepared.class === "immobiliser") requireScope(principal, "commands:immobiliser");
        return once(database, request, reply, async (inside) => {
          const commandId = await createCommand(inside, {
            fleetId: device.fleetId,
            deviceId: device.deviceId,
            protocol,
            class: prepared.class,
            text: prepared.text,
            options,
            condition: prepared.condition,
            keyId: principal.keyId,
            ttlS: body.ttlS ?? COMMAND_TTL_DEFAULT_S,
            attemptsMax: body.attemptsMax ?? COMMAND_ATTEMPTS_DEFAULT,
          });
          const command = await findCommand(inside, principal.fleetId, commandId);
          reply.code(202).header("location", `/v1/commands/${commandId}`);
          return commandJson(command!);
        });
      },
    );

    app.get(
      "/commands",
      {
        config: { scope: "commands:read" },
        schema: {
          tags: ["commands"],
          summary: "Commands, newest first",
          querystring: CommandQuery,
          response: { 200: Page(CommandSchema) },
        },
      },
      async ({ principal, query }) => {
        const limit = query.limit ?? PAGE_ROWS_DEFAULT;
        const [beforeId = null] = query.after === undefined ? [] : parseCursor("commands", query.after, [INT8_MAX]);
        const filter = { deviceUid: query.device ?? null, state: query.state ?? null };
        const rows = await listCommands(database, principal.fleetId, filter, { beforeId, limit: limit + 1 });
        return pageOf(rows, limit, commandJson, (last) => formatCursor("commands", last.commandId));
      },
    );

    app.get(
      "/commands/:id",
      {
        config: { scope: "commands:read" },
        schema: {
          tags: ["commands"],
          summary: "A command, and who did what with it",
          params: CommandParams,
          response: { 200: Ref(CommandWithAudit) },
        },
      },
      async ({ principal, params }) => {
        const command = await findCommand(database, principal.fleetId, params.id);
        if (command === undefined) throw new Problem("not_found");
        return commandWithAuditJson(command, await readCommandAudit(database, params.id));
      },
    );

    app.post(
      "/commands/:id/cancel",
      {
        config: { scope: "commands:write" },
        schema: {
          tags: ["commands"],
          summary: "Take a command back that is not on its way",
          params: CommandParams,
          response: { 200: Ref(CommandSchema) },
        },
      },
      async ({ principal, params }) => {
        const isCancelled = await cancelCommand(database, principal.fleetId, params.id, principal.keyId);
        const command = await findCommand(database, principal.fleetId, params.id);
        if (command === undefined) throw new Problem("not_found");
        if (!isCancelled) throw new Problem("not_cancellable", { detail: `It is ${command.state}.` });
        return commandJson(command);
      },
    );
  };

/** The one of two members that is there; `validation` when it is none or both. */
function oneOf<Name extends "deviceUid" | "device" | "text" | "type">(
  body: Static<typeof NewCommand>,
  one: Name,
  other: Name,
): string {
  const given = [body[one], body[other]].filter((value) => value !== undefined);
  if (given.length === 1) return String(given[0]);
  throw new Problem("validation", {
    extensions: { errors: [{ in: "body", pointer: `/${one}`, detail: `either ${one} or ${other} is needed` }] },
  });
}
