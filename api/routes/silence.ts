import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { readSilenceFacts } from "#store/silence.ts";
import type { RouteContext } from "../context.ts";
import { Problem } from "../problems.ts";
import { Nullable, named, Ref, Time, timeTextOrNull, UidParams } from "../schemas.ts";
import { findSilenceCauses, isSilent, SILENCE_CAUSES } from "../silence.ts";
import { visibleDevice } from "../visible-device.ts";

/** How far back refused frames are counted. */
const REJECTED_MS_MAX = 86_400_000;

const Cause = Type.Enum([...SILENCE_CAUSES]);

export const Silence = named(
  "Silence",
  Type.Object({
    deviceUid: Type.String(),
    silent: Type.Boolean({ description: "No position for as long as makes one stale" }),
    cause: Nullable(Cause),
    findings: Type.Array(Type.Object({ cause: Cause, detail: Type.String(), since: Nullable(Time) })),
    connected: Type.Boolean(),
    lastConnectedAt: Nullable(Time),
    lastDisconnectedAt: Nullable(Time),
    lastCloseReason: Nullable(Type.String()),
    lastFrameAt: Nullable(Time),
    lastPositionAt: Nullable(Time),
    framesTotal: Type.Integer(),
    knocks: Type.Integer({ description: "Refused logins" }),
    rejected: Type.Array(Type.Object({ reason: Type.String(), frames: Type.Integer() }), {
      description: "Frames of the last 24 hours that were refused, by reason",
    }),
    undecodable: Type.Integer({ description: "Frames kept and not understood yet" }),
  }),
);

/** `GET /v1/devices/{id}/silence`. */
export const silenceRoutes =
  ({ database, now, freshness }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      "/devices/:id/silence",
      {
        config: { scope: "devices:read" },
        schema: {
          tags: ["devices"],
          summary: "Why is this device silent?",
          params: UidParams,
          response: { 200: Ref(Silence) },
        },
      },
      async (request) => {
        const { fleetId } = request.principal;
        const device = await visibleDevice(database, request, request.params.id);
        const nowMs = now();
        const facts = await readSilenceFacts(database, fleetId, device.deviceId, nowMs - REJECTED_MS_MAX);
        if (facts === undefined) throw new Problem("not_found");
        const silentAfterMs = freshness.staleS * 1000;
        const findings = findSilenceCauses(facts, nowMs, silentAfterMs);
        return {
          deviceUid: device.uid,
          silent: isSilent(facts, nowMs, silentAfterMs),
          cause: findings[0]?.cause ?? null,
          findings: findings.map((finding) => ({ ...finding, since: timeTextOrNull(finding.since) })),
          connected: facts.connected,
          lastConnectedAt: timeTextOrNull(facts.lastConnectedAt),
          lastDisconnectedAt: timeTextOrNull(facts.lastDisconnectedAt),
          lastCloseReason: facts.lastCloseReason,
          lastFrameAt: timeTextOrNull(facts.lastFrameAt),
          lastPositionAt: timeTextOrNull(facts.lastPositionAt),
          framesTotal: facts.framesTotal,
          knocks: facts.knocks,
          rejected: facts.rejected.map(({ reason, frames }) => ({ reason, frames })),
          undecodable: facts.undecodable,
        };
      },
    );
  };
