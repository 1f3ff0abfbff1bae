import { createHash } from "node:crypto";
import type { FastifyBaseLogger } from "fastify";
import type { Database } from "#store/database.ts";
import { readPrivacyZones, readStopVersions, readTrackedStops, type TrackedStop } from "#store/tracked-stops.ts";
import { type FoundLink, findRevokedLinks } from "#store/tracking-links.ts";
import type { FreshnessThresholds } from "#stream/freshness.ts";
import type { Shape } from "#stream/geofence/shape.ts";
import { factsOf, zonesByFleet } from "./facts.ts";
import { closesAtMs, isLinkOpen } from "./link-window.ts";
import type { TrackView } from "./track-json.ts";
import { trackView } from "./view.ts";
import { visibleOf } from "./visible.ts";

/** What is shown now: the JSON as text, and a tag that differs when the text does. */
export type Shown = {
  view: TrackView;
  text: string;
  tag: string;
  /** Of the brand, as stored. */
  appearance: unknown;
};

/** Somebody who follows a link live. Neither call may throw. */
export type Watcher = { show(shown: Shown): void; close(): void };

type Known = { stop: TrackedStop; zones: readonly Shape[] };
type WatchedLink = { link: FoundLink; token: string; shown: Shown; watchers: Set<Watcher> };
type WatchedStop = { known: Known; links: Map<number, WatchedLink> };

type WatchOptions = {
  database: Database;
  logger: FastifyBaseLogger;
  freshness: FreshnessThresholds;
  now: () => number;
  onStored: (listener: () => void) => () => void;
  /** How often the store is looked at when nothing woke us. */
  pollMs: number;
};

const TAG_CHARACTERS = 16;
/** Looks follow each other no faster than this, and as long again as the last one took, milliseconds. */
const LOOK_PAUSE_MS_MIN = 100;
const LOOK_PAUSE_MS_MAX = 400;
/** How often what only time changes is judged again: freshness, limits in minutes, links that end. */
const JUDGE_AGAIN_MS = 5_000;
/** Links judged before other work gets its turn. */
const JUDGED_AT_ONCE = 100;

/**
 * Follows all watched stops together: one look at versions for all, one read for those that changed, one judgement a link,
 * however many people watch. Between looks it waits to be woken by the store, or for the poll.
 */
export class TrackWatch {
  readonly #options: WatchOptions;
  readonly #stops = new Map<number, WatchedStop>();
  readonly #stopListening: () => void;
  #woken = Promise.withResolvers<void>();
  #judgedAtMs = 0;
  #looking: Promise<void> | undefined;
  #closed = false;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#stopListening = options.onStored(() => this.#woken.resolve());
  }

  /** What a link shows now; undefined when its stop is gone. Answers from memory what is being watched. */
  async read(link: FoundLink, token: string): Promise<Shown | undefined> {
    const known = this.#stops.get(link.stopId)?.known ?? (await this.#readKnown([link.stopId])).get(link.stopId);
    return known && this.#judge(link, token, known);
  }

  /** Calls the watcher for every change after `shown`; gives the way to stop that. */
  async open(link: FoundLink, token: string, watcher: Watcher): Promise<{ shown: Shown; close(): void } | undefined> {
    const known = this.#stops.get(link.stopId)?.known ?? (await this.#readKnown([link.stopId])).get(link.stopId);
    if (known === undefined || this.#closed) return undefined;
    const stop = this.#stops.get(link.stopId) ?? { known, links: new Map<number, WatchedLink>() };
    this.#stops.set(link.stopId, stop);
    const shown = this.#judge(link, token, stop.known);
    const watched = stop.links.get(link.linkId) ?? { link, token, shown, watchers: new Set<Watcher>() };
    stop.links.set(link.linkId, watched);
    watched.watchers.add(watcher);
    this.#looking ??= this.#look();
    const close = () => {
      watched.watchers.delete(watcher);
      if (watched.watchers.size === 0 && stop.links.get(link.linkId) === watched) stop.links.delete(link.linkId);
      if (stop.links.size === 0 && this.#stops.get(link.stopId) === stop) this.#stops.delete(link.stopId);
    };
    return { shown: watched.shown, close };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopListening();
    this.#woken.resolve();
    await this.#looking;
    for (const { links } of this.#stops.values()) for (const link of links.values()) closeAll(link);
  }

  async #look(): Promise<void> {
    while (this.#stops.size > 0 && !this.#closed) {
      const beganMs = performance.now();
      this.#woken = Promise.withResolvers<void>();
      try {
        await this.#refresh();
      } catch (error) {
        this.#options.logger.warn({ err: error }, "tracked stops not readable; the next look may be");
      }
      const tookMs = performance.now() - beganMs;
      await waited(Math.min(LOOK_PAUSE_MS_MAX, Math.max(LOOK_PAUSE_MS_MIN, tookMs)));
      await wokenWithin(this.#woken.promise, this.#options.pollMs);
    }
    this.#looking = undefined;
  }

  async #refresh(): Promise<void> {
    const { database, now } = this.#options;
    const versions = await readStopVersions(database, [...this.#stops.keys()]);
    const changed = [...this.#stops].filter(([stopId, { known }]) => versions.get(stopId) !== known.stop.version);
    const fresh = await this.#readKnown(changed.map(([stopId]) => stopId));
    for (const [stopId, stop] of changed) {
      const known = fresh.get(stopId);
      if (known === undefined) for (const link of stop.links.values()) closeAll(link);
      else stop.known = known;
    }
    const links = [...this.#stops.values()].flatMap((stop) => [...stop.links.values()].map((link) => ({ stop, link })));
    const revoked = new Set(
      await findRevokedLinks(
        database,
        links.map(({ link }) => link.link.linkId),
      ),
    );
    const all = now() - this.#judgedAtMs >= JUDGE_AGAIN_MS;
    if (all) this.#judgedAtMs = now();
    const due = all ? links : links.filter(({ stop, link }) => fresh.has(link.link.stopId) && stop.links.size > 0);
    for (const { link } of links) if (revoked.has(link.link.linkId)) closeAll(link);
    for (const [index, { stop, link }] of due.entries()) {
      if (index % JUDGED_AT_ONCE === JUDGED_AT_ONCE - 1) await new Promise(setImmediate);
      this.#update(link, stop.known);
    }
  }

  #update(watched: WatchedLink, known: Known): void {
    watched.link = { ...watched.link, completedAt: known.stop.completedAt };
    if (!isLinkOpen(watched.link, this.#options.now())) {
      closeAll(watched);
      return;
    }
    const shown = this.#judge(watched.link, watched.token, known);
    if (shown.tag === watched.shown.tag) return;
    watched.shown = shown;
    for (const watcher of watched.watchers) watcher.show(shown);
  }

  #judge(link: FoundLink, token: string, { stop, zones }: Known): Shown {
    const { freshness, now } = this.#options;
    const nowMs = now();
    const facts = factsOf(stop, { nowMs, linkVisibility: link.visibility, privacyZones: zones, freshness });
    const view = trackView(stop, visibleOf(facts), {
      nowMs,
      closesAtMs: closesAtMs({ expiresAt: link.expiresAt, completedAt: stop.completedAt }),
      freshness,
      photoUrl: (photoId) => photoPath(token, photoId),
      logoUrl: `/t/${token}/logo`,
    });
    const text = JSON.stringify(view);
    const tag = createHash("sha256").update(text).digest("base64url").slice(0, TAG_CHARACTERS);
    return { view, text, tag, appearance: stop.brandAppearance };
  }

  async #readKnown(stopIds: readonly number[]): Promise<Map<number, Known>> {
    if (stopIds.length === 0) return new Map();
    const { database } = this.#options;
    const stops = await readTrackedStops(database, stopIds);
    const fleetIds = [...new Set(stops.map(({ fleetId }) => fleetId))];
    const zones = zonesByFleet(await readPrivacyZones(database, fleetIds));
    return new Map(stops.map((stop) => [stop.stopId, { stop, zones: zones.get(stop.fleetId) ?? [] }]));
  }
}

/** Where a photo of a link's proof is served, for as long as the link shows it. */
export function photoPath(token: string, photoId: string): string {
  return `/t/${token}/photos/${photoId}`;
}

function closeAll({ watchers }: WatchedLink): void {
  for (const watcher of [...watchers]) watcher.close();
}

function waited(timeMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, timeMs));
}

async function wokenWithin(woken: Promise<void>, timeMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, timeMs);
  await Promise.race([woken, promise]);
  clearTimeout(timer);
}
