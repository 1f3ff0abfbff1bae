import type { ClientBase } from "pg";
import { eventIdOf, insertEvents, type NewEvent } from "#store/event-writes.ts";
import { readSources, readTemperatureRows } from "#store/pod-evidence.ts";
import { type LoadRow, readWatchedLoads } from "#store/watched-loads.ts";
import { VERDICT_LIMITS } from "../verdict/limits.ts";
import { type TemperatureSpan, temperatureOf } from "../verdict/temperature.ts";
import { samplesOf, type TemperaturePolicy, temperaturePolicy } from "./temperature-policy.ts";

/**
 * Loads under way whose route or stops have temperature limits: `temperature.excursion_started` five minutes into an
 * excursion, `temperature.excursion_ended` when it is over. Events are found again and again and have the same ids.
 */
export async function watchLoads(client: ClientBase, nowMs: number): Promise<number> {
  let written = 0;
  for (const load of await readWatchedLoads(client, nowMs)) {
    // Goods of the strictest stop set the limits; each set of limits is a load of its own.
    const policies = load.stopPolicies.map((policy) => temperaturePolicy(load.routePolicy, policy));
    const distinct = new Map(policies.flatMap((policy) => (policy === null ? [] : [[JSON.stringify(policy), policy]])));
    for (const policy of distinct.values()) {
      const events = await excursionEvents(client, load, policy, nowMs);
      if (events.length === 0) continue;
      await client.query("begin");
      try {
        written += await insertEvents(client, events);
        await client.query("commit");
      } catch (error) {
        await client.query("rollback");
        throw error;
      }
    }
  }
  return written;
}

async function excursionEvents(
  client: ClientBase,
  load: LoadRow,
  policy: TemperaturePolicy,
  nowMs: number,
): Promise<NewEvent[]> {
  const { startedAtMs, endedAtMs, vehicleId } = load;
  const toMs = endedAtMs ?? nowMs;
  const sources = await readSources(client, vehicleId, startedAtMs, toMs);
  const deviceIds = sources.map(({ deviceId }) => deviceId);
  const rows = await readTemperatureRows(client, deviceIds, policy.probes, startedAtMs, toMs);
  const asked = { rule: policy.rule, fromMs: startedAtMs, toMs, samples: samplesOf(rows, policy.probes) };
  return temperatureOf(asked)
    .spans.filter(({ kind }) => kind !== "unknown")
    .flatMap((span) => eventsOf(load, policy, span));
}

function eventsOf(load: LoadRow, { rule }: TemperaturePolicy, span: TemperatureSpan): NewEvent[] {
  const { fleetId, routeId, vehicleId } = load;
  const { kind, probe, fromMs, toMs, open, celsius } = span;
  const limit = kind === "above" ? rule.maxCelsius : rule.minCelsius;
  const excursionId = eventIdOf("temperature.excursion", routeId, probe, kind, limit ?? "", fromMs);
  const shared = { fleetId, deviceId: null, replayed: false, supersedes: null, frameSeq: null } as const;
  const data = { routeId, vehicleId: String(vehicleId), excursionId, probe, side: kind, limitCelsius: limit };
  const started: NewEvent = {
    ...{ ...shared, eventId: eventIdOf("temperature.excursion_started", excursionId) },
    ...{ type: "temperature.excursion_started", occurredAtMs: fromMs },
    detectedAtMs: fromMs + VERDICT_LIMITS.excursionS * 1000,
    data,
  };
  if (open) return [started];
  const ended: NewEvent = {
    ...{ ...shared, eventId: eventIdOf("temperature.excursion_ended", excursionId) },
    ...{ type: "temperature.excursion_ended", occurredAtMs: toMs, detectedAtMs: toMs },
    data: { ...data, worstCelsius: celsius, seconds: Math.round((toMs - fromMs) / 1000) },
  };
  return [started, ended];
}
