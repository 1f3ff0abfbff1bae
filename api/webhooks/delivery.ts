import { randomUUID } from "node:crypto";
import type { Agent } from "undici";
import { leaseEndpoints } from "#store/webhook-deliveries.ts";
import { dropOldDeliveries } from "#store/webhook-log.ts";
import { Bell } from "./bell.ts";
import { createWebhookMeasures, type WebhookDeps, type WebhookLimits } from "./deps.ts";
import { EndpointWorker } from "./endpoint-worker.ts";
import { openPinnedAgent } from "./pinned-agent.ts";
import { ATTEMPT_DELAYS_MS } from "./schedule.ts";

export const WEBHOOK_LIMITS: WebhookLimits = {
  delaysMs: ATTEMPT_DELAYS_MS,
  attemptTimeoutMs: 15_000,
  endpointAttemptsMax: 8,
  leaseMs: 5_000,
  pollMs: 1_000,
  drainMs: 5_000,
  logDaysMax: 30,
};

const UPKEEP_INTERVAL_MS = 600_000;
const DROPPED_ROWS_MAX = 5_000;
/** Connections of an endpoint that nothing was delivered to for this long are closed. */
const AGENT_IDLE_MS = 60_000;
/** Commits in a row wake the workers this often at most. */
const NEWS_INTERVAL_MS = 25;
const DAY_MS = 86_400_000;

/**
 * Delivers what the outbox holds, for as long as the process lives: leases the endpoints that have something due, and
 * runs a worker for each. Any number of processes may do so side by side.
 */
export function openWebhookDelivery(deps: WebhookDeps): { close(): Promise<void> } {
  const measures = createWebhookMeasures(deps.registry);
  const bell = new Bell();
  const workers = new Map<EndpointWorker, Promise<void>>();
  const agents = openAgents(deps);
  const closing = new AbortController();
  const aborting = new AbortController();
  const news = atMostEvery(NEWS_INTERVAL_MS, () => {
    bell.ring();
    for (const worker of workers.keys()) worker.hearNews();
  });
  const stopListening = deps.onQueued(news.tell);

  const start = (endpointId: number, token: string) => {
    const { agent: dispatcher, giveBack } = agents.take(endpointId);
    const signals = { closing: closing.signal, aborting: aborting.signal };
    const worker = new EndpointWorker({ deps, measures, dispatcher, endpointId, token, ...signals });
    const done = worker
      .run()
      .catch((error: unknown) =>
        deps.logger.warn({ err: error }, "a webhook's deliveries stopped; they are taken up again"),
      )
      .then(() => {
        workers.delete(worker);
        giveBack();
        measures.endpoints.set(workers.size);
        // What came while the worker found nothing more is looked for at once.
        bell.ring();
      });
    workers.set(worker, done);
    measures.endpoints.set(workers.size);
  };

  const loop = async () => {
    while (!closing.signal.aborted) {
      try {
        const token = randomUUID();
        const leased = await leaseEndpoints(deps.database, { token, leaseMs: deps.limits.leaseMs, nowMs: deps.now() });
        for (const endpointId of leased) start(endpointId, token);
        agents.closeIdle();
      } catch (error) {
        deps.logger.warn({ err: error }, "webhooks cannot be looked for yet");
      }
      await bell.wait(deps.limits.pollMs);
    }
  };
  const finished = loop();
  const upkeep = setInterval(() => void dropOld(deps), UPKEEP_INTERVAL_MS);
  upkeep.unref();

  return {
    close: async () => {
      stopListening();
      news.stop();
      clearInterval(upkeep);
      closing.abort();
      bell.ring();
      await finished;
      const drained = setTimeout(() => aborting.abort(), deps.limits.drainMs);
      await Promise.all(workers.values());
      clearTimeout(drained);
      await agents.close();
    },
  };
}

async function dropOld({ database, logger, now, limits }: WebhookDeps): Promise<void> {
  try {
    const keepSince = new Date(now() - limits.logDaysMax * DAY_MS);
    while ((await dropOldDeliveries(database, keepSince, DROPPED_ROWS_MAX)) >= DROPPED_ROWS_MAX);
  } catch (error) {
    logger.warn({ err: error }, "old deliveries of webhooks are dropped later");
  }
}

/** Many commits in a row are one piece of news: the first is told at once, the others together. */
function atMostEvery(intervalMs: number, tell: () => void): { tell: () => void; stop: () => void } {
  let timer: NodeJS.Timeout | undefined;
  let isOwed = false;
  const tellNow = () => {
    isOwed = false;
    timer = setTimeout(() => {
      timer = undefined;
      if (isOwed) tellNow();
    }, intervalMs);
    tell();
  };
  return {
    tell: () => {
      if (timer === undefined) tellNow();
      else isOwed = true;
    },
    stop: () => clearTimeout(timer),
  };
}

/** Connections are an endpoint's own: those of another on the same host are never waited for. */
function openAgents(deps: WebhookDeps) {
  const kept = new Map<number, { agent: Agent; users: number; usedMs: number }>();
  const { attemptTimeoutMs: connectTimeoutMs, endpointAttemptsMax: connections } = deps.limits;
  return {
    take: (endpointId: number) => {
      const open = () => ({ agent: openPinnedAgent({ ...deps, connections, connectTimeoutMs }), users: 0, usedMs: 0 });
      const entry = kept.get(endpointId) ?? open();
      kept.set(endpointId, entry);
      entry.users += 1;
      const giveBack = () => {
        entry.users -= 1;
        entry.usedMs = performance.now();
      };
      return { agent: entry.agent, giveBack };
    },
    closeIdle: () => {
      for (const [endpointId, { agent, users, usedMs }] of kept) {
        if (users > 0 || performance.now() - usedMs < AGENT_IDLE_MS) continue;
        kept.delete(endpointId);
        void agent.close();
      }
    },
    close: async () => {
      await Promise.all([...kept.values()].map(({ agent }) => agent.destroy()));
    },
  };
}
