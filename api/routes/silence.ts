import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import type { Database } from "#store/database.ts";
import { findDevice } from "#store/devices.ts";
import { readKnockFacts, readSilenceFacts, type SilenceFacts } from "#store/silence.ts";
import type { RouteContext } from "../context.ts";
import { Problem } from "../problems.ts";
import { Nullable, named, Ref, Time, timeTextOrNull, UidParams } from "../schemas.ts";
import { findSilenceCauses, isSilent, SILENCE_CAUSES } from "../silence.ts";

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
          description: "With a key for all fleets also for a uid that is not registered and was refused.",
          params: UidParams,
          response: { 200: Ref(Silence) },
        },
      },
      async (request) => {
        const nowMs = now();
        const { uid, facts } = await factsOf(database, request, request.params.id, nowMs - REJECTED_MS_MAX);
        const silentAfterMs = freshness.staleS * 1000;
        const findings = findSilenceCauses(facts, nowMs, silentAfterMs);
        return {
          deviceUid: uid,
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

type Known = { uid: string; facts: SilenceFacts };

/** Throws `not_found` for a device that the request's key may not see. */
async function factsOf(database: Database, request: FastifyRequest, uid: string, sinceMs: number): Promise<Known> {
  const { fleetId } = request.principal;
  const device = await findDevice(database, fleetId, uid);
  const facts = device && (await readSilenceFacts(database, fleetId, device.deviceId, sinceMs));
  const known = facts ?? (fleetId === null ? await readKnockFacts(database, uid) : undefined);
  if (known === undefined) throw new Problem("not_found");
  return { uid, facts: known };
}
