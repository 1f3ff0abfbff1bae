/** What the API tells of one stop (see /docs): the members that the console uses. Times are RFC 3339. */

export type Moment = { type: string; at: string; replayed: boolean; data: Record<string, unknown> };

export type Reason = {
  code: string;
  effect: string;
  observed: number | string | null;
  limit: number | string | null;
  unit: string | null;
};

export type Pod = {
  id: string;
  outcome: "delivered" | "failed";
  reason: string | null;
  deviceTime: string;
  receivedAt: string;
  recipientName: string | null;
  relationship: string | null;
  notes: string | null;
  missing: string[];
  erasedAt: string | null;
  artefacts: { id: string; kind: "photo" | "signature"; url: string | null }[];
  verdict: {
    version: number;
    verdict: string;
    explanation: string[];
    reasons: Reason[];
    /** SVG of our own server. */
    map: string;
  } | null;
  override: { verdict: "accepted" | "rejected"; note: string; who: string; at: string } | null;
};

export type Link = { id: string; expiresAt: string; revokedAt: string | null; views: number; createdAt: string };
export type CreatedLink = Link & { url: string };

export type Notification = {
  trigger: string;
  threshold: number;
  dueAt: string;
  messages: { channel: "email" | "sms"; state: string; reason: string | null; endedAt: string | null }[];
};

export type OwnKey = { scopes: string[] };
