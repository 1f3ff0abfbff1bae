/** What needs somebody, as the API tells it (see /docs, Attention). */
export type Attention = {
  kind: Kind;
  deviceUid: string | null;
  webhookId: string | null;
  name: string | null;
  since: string | null;
  count: number | null;
  reason: string | null;
};

/** In the order in which they are shown: what is wrong before what is merely quiet. */
export const KINDS = [
  "identity_conflict",
  "clock_wrong",
  "quarantined",
  "refused",
  "webhook_disabled",
  "webhook_failing",
  "silent",
] as const;

export type Kind = (typeof KINDS)[number];

export const KIND_WORDS: Readonly<Record<Kind, { title: string; meaning: string }>> = {
  identity_conflict: { title: "Two places at once", meaning: "Two live connections claim to be this device." },
  clock_wrong: { title: "Clock wrong", meaning: "Most of the newest reports carry a time that can't be." },
  quarantined: { title: "Frames not understood", meaning: "Kept, but not decoded or refused with a bad checksum." },
  refused: { title: "Knocking, not registered", meaning: "Refused at login. Registering one is one call." },
  webhook_disabled: { title: "Webhooks disabled", meaning: "Nothing is delivered to them." },
  webhook_failing: { title: "Webhooks failing", meaning: "Nothing was taken since; delivery is tried again." },
  silent: { title: "Silent devices", meaning: "The last position is stale." },
};

/** Kinds with their rows, those that have any. */
export function byKind(rows: readonly Attention[]): [Kind, Attention[]][] {
  const groups = Map.groupBy(rows, ({ kind }) => kind);
  return KINDS.flatMap((kind) => {
    const found = groups.get(kind);
    return found === undefined ? [] : [[kind, found] as [Kind, Attention[]]];
  });
}
