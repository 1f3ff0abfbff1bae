import multipart from "@fastify/multipart";
import { type FastifyPluginAsyncTypebox, TypeBoxValidatorCompiler } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { isStopOfDriver } from "#store/driver-days.ts";
import { type DriverLink, findOpenDriverLink } from "#store/driver-links.ts";
import { storeClaim } from "#store/stop-claims.ts";
import { PAGE_HEADERS } from "../built-pages.ts";
import type { RouteContext } from "../context.ts";
import { ClaimSchema, claimJson, NewClaim } from "../driver/claim-json.ts";
import { DriverDay, readDriverDay } from "../driver/day-json.ts";
import { iconNamed, manifestOf, SHELL_PATH, serviceWorkerOf } from "../driver/installable.ts";
import { PositionBatch, PositionsStored, storePositions } from "../driver/positions.ts";
import { PROBLEM_RESPONSES } from "../openapi.ts";
import { PodBody } from "../pod/form-fields.ts";
import { POD_LIMITS, podBodyBytesMax } from "../pod/pod-limits.ts";
import { receivePod } from "../pod/receive-pod.ts";
import { Problem } from "../problems.ts";
import { limitTracking } from "../rate-limits.ts";
import { parseTimeMs, Ref } from "../schemas.ts";
import { refuseUnstorableText } from "../storable-text.ts";

const TokenParams = Type.Object({ token: Type.String({ minLength: 1, maxLength: 100 }) });
const StopParams = Type.Object({ ...TokenParams.properties, id: Type.String({ pattern: "^[1-9]\\d{0,17}$" }) });
const IconParams = Type.Object({ size: Type.String({ pattern: "^\\d{1,4}$" }) });

/** Of everything that a token opens. */
const HEADERS = {
  "cache-control": "private, no-store",
  "referrer-policy": "no-referrer",
  "x-robots-tag": "noindex",
  "x-content-type-options": "nosniff",
} as const;

const open = { tags: ["driver's page"], security: [{}] };
const responses = <T extends object>(ok: T) => ({ ...ok, ...PROBLEM_RESPONSES });

/**
 * What a driver with a link does without a key: `/d/{token}` and the JSON behind it. A token that is unknown, expired or
 * revoked gets the same answer.
 */
export const driverPageRoutes =
  (context: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    const { database, now, limits, pages, handPositions } = context;
    const podLimits = limits.pod ?? POD_LIMITS;
    await app.register(multipart);
    limitTracking(app, limits);
    refuseUnstorableText(app);

    const linkOf = async (token: string): Promise<DriverLink> => {
      const link = await findOpenDriverLink(database, token, now());
      if (link === undefined) throw new Problem("not_found");
      return link;
    };
    const shell = (): string => {
      const html = pages.html.get("driver");
      if (html === undefined) throw new Problem("page_not_built");
      return html;
    };
    const stopOf = async ({ driverId }: DriverLink, stopId: string): Promise<void> => {
      if (!(await isStopOfDriver(database, driverId, stopId))) throw new Problem("not_found");
    };

    app.get(
      "/v1/driver/:token",
      {
        schema: {
          ...{ ...open, summary: "The routes of a driver's day, stops in order", params: TokenParams },
          response: responses({ 200: Ref(DriverDay) }),
        },
      },
      async ({ params }, reply) => {
        reply.headers(HEADERS);
        return readDriverDay(database, await linkOf(params.token), now());
      },
    );

    app.post(
      "/v1/driver/:token/positions",
      {
        schema: {
          ...{ ...open, summary: "Report where the phone is", params: TokenParams, body: PositionBatch },
          description:
            "Answered once all of it is stored; until then keep it and send it again, as it becomes no second fix.",
          response: responses({ 200: PositionsStored }),
        },
      },
      async ({ params, body }, reply) => {
        reply.headers(HEADERS);
        const link = await linkOf(params.token);
        return storePositions({ database, now, handPositions }, link, body);
      },
    );

    app.post(
      "/v1/driver/:token/stops/:id/claims",
      {
        schema: {
          ...{ ...open, summary: "Say that the driver came or left", params: StopParams, body: NewClaim },
          description: "Kept beside what is observed. The same client id again answers 200 with what was said first.",
          response: responses({ 200: Ref(ClaimSchema), 201: Ref(ClaimSchema) }),
        },
      },
      async ({ params, body }, reply) => {
        reply.headers(HEADERS);
        const link = await linkOf(params.token);
        await stopOf(link, params.id);
        const result = await storeClaim(database, {
          ...{ stopId: params.id, driverId: link.driverId, kind: body.kind, clientKey: body.clientId },
          claimedAt: new Date(parseTimeMs(body.at, "body", "/at")),
          receivedAt: new Date(now()),
          ...{ latDeg: body.lat ?? null, lonDeg: body.lon ?? null, accuracyM: body.accuracyM ?? null },
        });
        if (result.kind === "missing") throw new Problem("not_found");
        return reply.code(result.kind === "stored" ? 201 : 200).send(claimJson(result.claim));
      },
    );

    app.post(
      "/v1/driver/:token/stops/:id/pod",
      {
        bodyLimit: podBodyBytesMax(podLimits),
        // The body is read by the multipart parser; its schema is for the document.
        validatorCompiler: (route) => (route.httpPart === "body" ? () => true : TypeBoxValidatorCompiler(route)),
        schema: {
          ...{ ...open, summary: "Hand in a proof of delivery or a failed attempt" },
          ...{ consumes: ["multipart/form-data"], params: StopParams, body: PodBody },
          description: "As `POST /v1/stops/{id}/pod`: answered once it is stored, the same client id again is a retry.",
          response: responses({
            200: Type.Object({ id: Type.String() }),
            201: Type.Object({ id: Type.String() }),
          }),
        },
      },
      async (request, reply) => {
        reply.headers(HEADERS);
        const { params } = request;
        const link = await linkOf(params.token);
        await stopOf(link, params.id);
        const sender = { fleetId: link.fleetId, stopId: params.id, who: `driver link:${link.linkId}` };
        const { podId, repeated } = await receivePod({ database, now, limits: podLimits }, request, sender);
        return reply.code(repeated ? 200 : 201).send({ id: podId });
      },
    );

    app.get("/d/:token", { schema: { hide: true, params: TokenParams } }, async ({ params }, reply) => {
      const html = shell();
      reply.headers({ ...PAGE_HEADERS, ...HEADERS });
      const link = await findOpenDriverLink(database, params.token, now());
      // The page itself says that the link has ended: a phone may still keep something that was not sent.
      return reply.code(link === undefined ? 404 : 200).send(html);
    });

    app.get(
      "/d/:token/manifest.webmanifest",
      { schema: { hide: true, params: TokenParams } },
      async (request, reply) => {
        const { token } = request.params;
        await linkOf(token);
        reply.headers(HEADERS).type("application/manifest+json");
        return reply.send(manifestOf(token));
      },
    );

    app.get(SHELL_PATH, { schema: { hide: true } }, async (_request, reply) =>
      reply.headers(PAGE_HEADERS).send(shell()),
    );

    app.get("/d/service-worker.js", { schema: { hide: true } }, async (_request, reply) => {
      reply.headers({ "cache-control": "no-cache", "x-content-type-options": "nosniff" });
      return reply.type("text/javascript; charset=utf-8").send(serviceWorkerOf(shell()));
    });

    app.get("/d/icons/:size", { schema: { hide: true, params: IconParams } }, async ({ params }, reply) => {
      const icon = iconNamed(params.size);
      if (icon === undefined) throw new Problem("not_found");
      reply.headers({ "cache-control": "public, max-age=86400", "x-content-type-options": "nosniff" });
      return reply.type("image/png").send(icon);
    });
  };
