import type { FoundLink } from "#store/tracking-links.ts";

/** A link never lives longer than this after it opens. */
export const LINK_DAYS_MAX = 7;
/** Whoever waited may still read how it went; then the link closes. */
export const OPEN_AFTER_COMPLETION_H = 2;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** When a link that is made now ends: as asked, and at the latest `LINK_DAYS_MAX` days after it opens. Unix milliseconds. */
export function linkEndMs(nowMs: number, notBeforeMs: number | null, askedMs: number | null): number {
  const latestMs = Math.max(nowMs, notBeforeMs ?? nowMs) + LINK_DAYS_MAX * DAY_MS;
  return Math.min(askedMs ?? latestMs, latestMs);
}

type Window = Pick<FoundLink, "notBefore" | "expiresAt" | "completedAt">;

/** When an open link closes by itself, as far as is known now. Unix milliseconds. */
export function closesAtMs({ expiresAt, completedAt }: Pick<Window, "expiresAt" | "completedAt">): number {
  if (completedAt === null) return expiresAt.getTime();
  return Math.min(expiresAt.getTime(), completedAt.getTime() + OPEN_AFTER_COMPLETION_H * HOUR_MS);
}

/** Whether a link answers. One that is not open looks like one that never was. */
export function isLinkOpen(link: Window & Pick<FoundLink, "revokedAt">, nowMs: number): boolean {
  if (link.revokedAt !== null || (link.notBefore !== null && nowMs < link.notBefore.getTime())) return false;
  return nowMs < closesAtMs(link);
}
