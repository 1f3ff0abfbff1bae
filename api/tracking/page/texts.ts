/**
 * Everything that the tracking page says, in one language. `{name}` is filled in; texts with plural forms are chosen by
 * the rules of the language (CLDR names). Plain data, because the page carries them along for its script.
 */
export type Texts = {
  language: string;
  kind: Record<"delivery" | "pickup" | "service" | "collection" | "depot", string>;
  status: {
    planned: string;
    en_route: string;
    approaching: string;
    arrived: string;
    departed: string;
    delivered: string;
    done: string;
    failed: string;
    missed: string;
    cancelled: string;
  };
  eta: {
    label: string;
    likely: string;
    latest: string;
    soon: string;
    window: string;
    later: string;
    waiting: string;
    beforeStart: string;
    overdue: string;
    degraded: string;
  };
  stopsAway: { next: string; one: string; few?: string; many?: string; other: string };
  fresh: { live: string; older: string; stale: string };
  timeline: { label: string; planned: string; started: string; arrived: string; delivered: string; done: string };
  driver: string;
  vehicle: string;
  address: string;
  window: string;
  vehicleKinds: Record<string, string>;
  proof: { label: string; receivedBy: string; photo: string };
  reasons: Record<string, string>;
  departedNote: string;
  support: { label: string; call: string; write: string; visit: string };
  map: { label: string; vehicle: string; stop: string; follow: string };
  connectionLost: string;
  zone: string;
  closes: string;
  privacy: string;
  gone: { title: string; text: string };
  withoutScript: string;
};

/** The text with what it asks for. */
export function filled(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
