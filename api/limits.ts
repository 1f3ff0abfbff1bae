import type { PodLimits } from "./pod/pod-limits.ts";

/** Every limit of the API, by name. Tests lower them. */
export type ApiLimits = {
  bodyBytesMax: number;
  /** Requests of one network address, with or without a key, in one window. */
  addressRequestsMax: number;
  /** Requests of one API key in one window. */
  keyRequestsMax: number;
  /** Map tiles that one network address may ask for in one window. */
  tileRequestsMax: number;
  /** What drawn map tiles may take in memory. */
  tileCacheBytesMax: number;
  /** Requests with tracking tokens of one network address, and with tokens that begin alike, in one window. */
  trackAddressRequestsMax: number;
  trackTokenRequestsMax: number;
  rateWindowMs: number;
  /** Live streams of tracking links, in all and of one link. */
  trackStreamsMax: number;
  trackStreamsPerLinkMax: number;
  /** How often watched stops are looked at when nothing woke us. */
  trackPollMs: number;
  /** How long page views of links are collected before they are written. */
  linkViewsFlushMs: number;
  /** Event streams that one key may hold open. */
  streamsPerKeyMax: number;
  /** Rows that an event stream reads at a time; bounds its memory. */
  streamPageRows: number;
  /** A stream whose reader takes nothing for this long is closed; it can resume. */
  streamStalledMsMax: number;
  /** How often a stream sends its place and looks at its key again. */
  streamHeartbeatMs: number;
  /** How often a stream looks for news when nothing woke it. */
  streamPollMs: number;
  /** How long last-used times of keys are collected before they are written. */
  keyUsageFlushMs: number;
  /** Of proofs of delivery; the usual ones unless told. */
  pod?: PodLimits;
};

export const API_LIMITS: ApiLimits = {
  bodyBytesMax: 1_048_576,
  addressRequestsMax: 30_000,
  keyRequestsMax: 12_000,
  tileRequestsMax: 6_000,
  tileCacheBytesMax: 67_108_864,
  trackAddressRequestsMax: 3_000,
  trackTokenRequestsMax: 300,
  rateWindowMs: 60_000,
  trackStreamsMax: 20_000,
  trackStreamsPerLinkMax: 50,
  trackPollMs: 1_000,
  linkViewsFlushMs: 10_000,
  streamsPerKeyMax: 100,
  streamPageRows: 200,
  streamStalledMsMax: 30_000,
  streamHeartbeatMs: 15_000,
  streamPollMs: 2_000,
  keyUsageFlushMs: 30_000,
};

export const PAGE_ROWS_DEFAULT = 100;
export const PAGE_ROWS_MAX = 1_000;
export const UID_CHARACTERS_MAX = 200;
/** Stretches of ways in one path, and areas in one report. */
export const PATH_SEGMENTS_MAX = 20_000;
export const AREA_CELLS_MAX = 50_000;
/** A report of areas reads the fixes of its whole time where the database has no aggregates. */
export const AREA_DAYS_MAX = 92;
/** Commands: their text at most (a phone's configuration as JSON fits), how long and how often they are tried. */
export const COMMAND_TEXT_CHARACTERS_MAX = 16_000;
export const COMMAND_TTL_DEFAULT_S = 3_600;
export const COMMAND_TTL_MAX_S = 2_592_000;
export const COMMAND_ATTEMPTS_DEFAULT = 3;
export const COMMAND_ATTEMPTS_MAX = 10;
/** How long a feed cursor is honoured. */
export const FEED_CURSOR_DAYS_MAX = 30;
/** What `poll_after_ms` advises: at once while there is more, otherwise this. */
export const FEED_POLL_AFTER_MS = 1_000;
