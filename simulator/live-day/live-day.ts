import type { FleetDevice } from "../fleet.ts";
import { between, pick, type Random, seededRandom } from "../random.ts";
import { distanceM, offsetDeg } from "../roads/geometry.ts";
import type { RoadNetwork } from "../roads/network.ts";
import { createRouter } from "../roads/router.ts";
import type { Errands } from "../vehicle.ts";
import { type DayApi, openDayApi } from "./day-api.ts";
import { drawPhoto } from "./photo.ts";

export type LiveDayOptions = {
  network: RoadNetwork;
  apiUrl: string;
  apiKey: string;
  /** Vans that deliver: the first of the fleet. */
  vans: number;
  stopsPerVan: number;
  seed: number;
  /** Where the events of the day go; undefined: nowhere. */
  webhookUrl?: string | undefined;
  onStop(stop: { id: string; route: string; name: string; url: string }): void;
  /** The page of the driver of the first van. */
  onDriver(driver: { route: string; name: string; url: string }): void;
  onWebhook(secret: string): void;
  onError(error: unknown): void;
  now(): number;
};

/** A delivery day in front of the API: routes, links, and drivers who hand in proofs where the vehicles stand. */
export type LiveDay = {
  errandsOf(vehicle: number): Errands | undefined;
  /** Registers vehicles, drivers, routes and links; before anybody drives. */
  prepare(devices: readonly FleetDevice[]): Promise<void>;
  /** Resolves when the proofs under way are handed in and nothing is sent to the receiver any more. */
  close(): Promise<void>;
};

type PlannedStop = {
  node: number;
  latDeg: number;
  lonDeg: number;
  dwellS: number;
  /** From the start of the route, as a planner would reckon. */
  plannedS: number;
  recipient: string;
  id?: string;
};

type Van = { from: number; stops: PlannedStop[]; driver: string };

const LEG_MIN_M = 250;
const LEG_MAX_M = 900;
const DWELL_MIN_S = 35;
const DWELL_MAX_S = 70;
/** A door stands beside the street. */
const SETBACK_M = 10;
const START_DELAY_S = 20;
const WINDOW_S = 900;
/** The share of the time at a stop after which the recipient has signed. */
const PROOF_AFTER_SHARE = 0.5;
const PHONE_ACCURACY_M = 8;
const DRIVERS = ["Ada", "Bo", "Cleo", "Dag", "Eva", "Finn"];
const RECIPIENTS = ["M. Berg", "L. Ek", "S. Lund", "K. Holm", "A. Sjö", "P. Dahl", "E. Falk", "T. Nord"];

export function planLiveDay(options: LiveDayOptions): LiveDay {
  const { network, apiUrl, apiKey, seed, now } = options;
  const api = openDayApi(apiUrl, apiKey);
  const router = createRouter(network);
  const random = seededRandom(seed, "delivery day");
  const vans = Array.from({ length: options.vans }, (_, index) => planVan(index));
  const timers = new Set<NodeJS.Timeout>();
  let webhookId: string | undefined;
  const handingIn = new Set<Promise<void>>();

  function planVan(index: number): Van {
    const from = network.junctions[pick(random, network.junctions.length)]!;
    const stops: PlannedStop[] = [];
    let plannedS = START_DELAY_S;
    for (let node = from; stops.length < options.stopsPerVan; ) {
      const to = nearbyJunction(network, random, node);
      plannedS += router.findRoute(node, to).reduce((sum, { travelS }) => sum + travelS, 0);
      const door = offsetDeg(network.latDeg[to]!, between(random, -SETBACK_M, SETBACK_M), SETBACK_M);
      const dwellS = between(random, DWELL_MIN_S, DWELL_MAX_S);
      stops.push({
        ...{ node: to, dwellS, plannedS, recipient: RECIPIENTS[pick(random, RECIPIENTS.length)]! },
        latDeg: network.latDeg[to]! + door.latDeg,
        lonDeg: network.lonDeg[to]! + door.lonDeg,
      });
      plannedS += dwellS;
      node = to;
    }
    return { from, stops, driver: DRIVERS[index % DRIVERS.length]! };
  }

  function errandsOf(vehicle: number): Errands | undefined {
    const van = vans[vehicle];
    if (van === undefined) return undefined;
    return {
      from: van.from,
      visits: van.stops,
      onArrival: (visit, arrivedMs) => {
        const afterMs = arrivedMs + van.stops[visit]!.dwellS * PROOF_AFTER_SHARE * 1_000 - now();
        const timer = setTimeout(
          () => {
            timers.delete(timer);
            const done = handIn(vehicle, visit).catch(options.onError);
            handingIn.add(done);
            void done.then(() => handingIn.delete(done));
          },
          Math.max(0, afterMs),
        );
        timers.add(timer);
      },
    };
  }

  /**
   * The last driver of the day is one to look into: from the second stop on she has signed for the next one as well, so
   * its proof comes from somewhere else.
   */
  async function handIn(vehicle: number, visit: number): Promise<void> {
    const van = vans[vehicle]!;
    const isDubious = vehicle === vans.length - 1;
    await prove(van, visit, visit);
    if (isDubious && visit === 1) await prove(van, van.stops.length - 1, visit);
  }

  async function prove(van: Van, stopIndex: number, whereIndex: number): Promise<void> {
    const stop = van.stops[stopIndex]!;
    const where = van.stops[whereIndex]!;
    if (stop.id === undefined) throw new Error("a proof before the route was made");
    const noise = seededRandom(seed, `phone at ${stop.id}`);
    const off = offsetDeg(where.latDeg, between(noise, -5, 5), between(noise, -5, 5));
    const at = new Date(now()).toISOString();
    const fields = {
      clientId: `demo-${stop.id}`,
      outcome: "delivered",
      deviceTime: at,
      sentAt: at,
      lat: String(where.latDeg + off.latDeg),
      lon: String(where.lonDeg + off.lonDeg),
      accuracyM: String(PHONE_ACCURACY_M),
      recipientName: stop.recipient,
    };
    await api.prove(stop.id, fields, drawPhoto(seededRandom(seed, `photo ${stop.id} ${at}`)));
  }

  async function prepare(devices: readonly FleetDevice[]): Promise<void> {
    if (options.webhookUrl !== undefined) {
      const events = ["route.*", "stop.*", "pod.*", "eta.changed"];
      const made = await api.post<{ id: string; secret: string }>("/v1/webhooks", { url: options.webhookUrl, events });
      webhookId = made.id;
      options.onWebhook(made.secret);
    }
    const brand = await api.post<{ id: string }>("/v1/brands", {
      name: "Nordbud",
      appearance: { colour: "#0b6e4f" },
      support: { phone: "+46 31 000 00 00", email: "help@nordbud.example" },
      visibility: { photo: "always" },
    });
    for (const [index, van] of vans.entries()) await register(api, van, devices[index]!, Number(brand.id), index);
  }

  async function register(day: DayApi, van: Van, device: FleetDevice, brand: number, index: number): Promise<void> {
    const name = `Van ${index + 1}`;
    const vehicle = await vanOf(day, `simulated-van-${index + 1}`, name);
    await day.put(`/v1/vehicles/${vehicle.id}/devices/${encodeURIComponent(device.uid)}`, {});
    const driver = await day.post<{ id: string }>("/v1/drivers", { givenName: van.driver, familyName: "Demo" });
    const startMs = now();
    const timeOf = (seconds: number) => new Date(startMs + seconds * 1_000).toISOString();
    const route = await day.post<{ stops: { id: string }[] }>("/v1/routes", {
      ...{ name: `${name}, ${van.driver}`, vehicle: Number(vehicle.id), driver: Number(driver.id), brand },
      start: { lat: network.latDeg[van.from]!, lon: network.lonDeg[van.from]! },
      startsAt: timeOf(0),
      stops: van.stops.map(({ latDeg, lonDeg, plannedS, dwellS, recipient }) => ({
        ...{ lat: latDeg, lon: lonDeg, serviceSeconds: Math.round(dwellS), contact: { name: recipient } },
        windowStart: timeOf(Math.max(0, plannedS - WINDOW_S)),
        windowEnd: timeOf(plannedS + WINDOW_S),
      })),
    });
    if (index === 0) {
      const { url } = await day.post<{ url: string }>(`/v1/drivers/${driver.id}/links`, {});
      options.onDriver({ route: name, name: van.driver, url });
    }
    for (const [at, stop] of van.stops.entries()) {
      stop.id = route.stops[at]!.id;
      const { url } = await day.post<{ url: string }>(`/v1/stops/${stop.id}/links`, {});
      options.onStop({ id: stop.id, route: name, name: stop.recipient, url });
    }
  }

  return {
    errandsOf,
    prepare,
    close: async () => {
      for (const timer of timers) clearTimeout(timer);
      await Promise.all(handingIn);
      if (webhookId !== undefined) await api.remove(`/v1/webhooks/${webhookId}`);
    },
  };
}

type VehicleRef = { id: string };

/** The van of an earlier day, which has its devices still, or a new one. */
async function vanOf(api: DayApi, externalId: string, name: string): Promise<VehicleRef> {
  const found = await api.get<{ data: VehicleRef[] }>(`/v1/vehicles?externalId=${externalId}`);
  return found.data[0] ?? api.post<VehicleRef>("/v1/vehicles", { kind: "van", name, externalId });
}

function nearbyJunction({ junctions, latDeg, lonDeg }: RoadNetwork, random: Random, from: number): number {
  const near = junctions.filter((node) => {
    const awayM = distanceM(latDeg[from]!, lonDeg[from]!, latDeg[node]!, lonDeg[node]!);
    return awayM >= LEG_MIN_M && awayM <= LEG_MAX_M;
  });
  if (near.length === 0) throw new RangeError("no junction near enough");
  return near[pick(random, near.length)]!;
}
