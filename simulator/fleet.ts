import {
  type Behaviour,
  type DeviceLink,
  type DeviceProtocol,
  type LinkCounters,
  noCounts,
  type SimulatedRecord,
} from "./device.ts";
import { LatencyHistogram } from "./latency.ts";
import type { DeviceLedger, Ledger } from "./ledger.ts";
import { createOutbox, type Outbox } from "./outbox.ts";
import { between, pick, type Random, seededRandom } from "./random.ts";
import { createRecorder, type Recorder, type RecordRule } from "./recorder.ts";
import type { RoadNetwork } from "./roads/network.ts";
import { createRouter } from "./roads/router.ts";
import { createVehicle, type Errands, type Vehicle, type VehicleState } from "./vehicle.ts";

/** Times without network of each device, at random. */
export type OfflineTimes = { perMinute: number; minMs: number; maxMs: number };

export type FleetMember = { protocol: DeviceProtocol; host: string; port: number; behaviour: Behaviour };

export type FleetOptions = {
  members: readonly FleetMember[];
  network: RoadNetwork;
  seed: number;
  ledger: Ledger;
  rule: RecordRule;
  /** How often a device compares its position with the rule, milliseconds. */
  sampleMs: number;
  noiseM: number;
  offline: OfflineTimes | null;
  /** Share of the devices, in [0, 1], whose clock was never set: it started on 1 January 2000. */
  unsynchronisedShare: number;
  /** Vehicles really driven; with more devices than this several devices ride in one vehicle. */
  vehiclesMax: number;
  /** Told of every state that a device looks at, its true time and place. */
  onObserved?(uid: string, state: VehicleState): void;
  /** What the vehicle of this number has to do; undefined: it drives at random. */
  errandsOf?(vehicle: number): Errands | undefined;
  now(): number;
};

export type FleetDevice = {
  uid: string;
  protocol: DeviceProtocol;
  /** What the device proves itself with; null where the protocol has nothing. */
  password: string | null;
};

export type Fleet = {
  readonly devices: readonly FleetDevice[];
  /** Connects the devices and starts to drive. */
  start(): void;
  /** Stops making records and gives everybody the network back; what waits goes on being sent. */
  stopDriving(): void;
  /** Devices with records that are not acknowledged yet. */
  readonly busyDevices: number;
  counters(): LinkCounters & { overwritten: number };
  readonly latency: LatencyHistogram;
  close(): void;
};

type Unit = FleetDevice & {
  vehicle: Vehicle;
  recorder: Recorder;
  ledger: DeviceLedger;
  outbox: Outbox;
  counters: LinkCounters;
  random: Random;
  member: FleetMember;
  link: DeviceLink | undefined;
  nextSampleMs: number;
  offlineUntilMs: number;
};

const TICK_MS = 20;
/** Connecting is spread over so much time for each device, so that a start is no storm. */
const START_SPREAD_PER_DEVICE_MS = 2;
const UNSET_CLOCK_START_MS = Date.UTC(2000, 0, 1);

/** Many devices on one event loop: one timer looks who is due, everything else is driven by sockets. */
export function createFleet(options: FleetOptions): Fleet {
  const { ledger, network, seed, sampleMs, offline, now } = options;
  const router = createRouter(network);
  const latency = new LatencyHistogram();
  const startMs = now();
  const vehicles = new Map<number, Vehicle>();
  const units = options.members.map(createUnit);
  const startTimers = new Set<NodeJS.Timeout>();
  let ticker: NodeJS.Timeout | undefined;
  let closed = false;

  function createUnit(member: FleetMember, index: number): Unit {
    const random = seededRandom(seed, `device ${index}`);
    const uid = member.protocol.makeUid(seededRandom(seed, "uids"), index);
    const deviceLedger = ledger.open(uid);
    const seat = index % options.vehiclesMax;
    const vehicle = vehicles.get(seat) ?? createSeat(seat);
    vehicles.set(seat, vehicle);
    const { stepMs, canBeUnset } = member.protocol.clock;
    const isUnset = random() < options.unsynchronisedShare && canBeUnset;
    return {
      uid,
      password: member.protocol.hasPassword ? makePassword(seededRandom(seed, `password ${index}`)) : null,
      protocol: member.protocol,
      member,
      vehicle,
      random,
      ledger: deviceLedger,
      outbox: createOutbox(member.behaviour.order),
      counters: noCounts(),
      link: undefined,
      // Packets of many records must not all fill up at the same moment.
      nextSampleMs: startMs + random() * sampleMs * member.behaviour.recordsPerPacket,
      offlineUntilMs: 0,
      recorder: createRecorder({
        rule: options.rule,
        noiseM: options.noiseM,
        ledger: deviceLedger,
        run: ledger.run,
        random: seededRandom(seed, `receiver ${index}`),
        clockOffsetMs: isUnset ? floorTo(UNSET_CLOCK_START_MS - startMs, stepMs) : 0,
      }),
    };
  }

  function createSeat(seat: number): Vehicle {
    const errands = options.errandsOf?.(seat);
    return createVehicle({ network, router, seed, name: String(seat), startMs, errands });
  }

  function connectUnit(unit: Unit): void {
    const { uid, password, outbox, counters, random, member } = unit;
    const { host, port, behaviour } = member;
    const onAcknowledged = (records: readonly SimulatedRecord[], latencyMs: number): void => {
      for (const record of records) unit.ledger.acknowledge(record.marker);
      latency.add(latencyMs);
    };
    unit.link = member.protocol.openLink({
      uid,
      password,
      host,
      port,
      outbox,
      behaviour,
      random,
      counters,
      onAcknowledged,
    });
    unit.link.wake();
  }

  function tick(): void {
    const nowMs = now();
    for (const unit of units) {
      if (unit.nextSampleMs <= nowMs) sample(unit, nowMs);
      if (unit.offlineUntilMs > 0 && unit.offlineUntilMs <= nowMs) {
        unit.offlineUntilMs = 0;
        unit.link?.setOnline(true);
      } else if (offline && unit.offlineUntilMs === 0 && unit.random() < (offline.perMinute * TICK_MS) / 60_000) {
        unit.offlineUntilMs = nowMs + between(unit.random, offline.minMs, offline.maxMs);
        unit.link?.setOnline(false);
      }
    }
  }

  function sample(unit: Unit, nowMs: number): void {
    let made = false;
    for (; unit.nextSampleMs <= nowMs; unit.nextSampleMs += sampleMs) {
      const observedMs = floorTo(unit.nextSampleMs, unit.protocol.clock.stepMs);
      const state = unit.vehicle.stepTo(observedMs);
      options.onObserved?.(unit.uid, state);
      const record = unit.recorder.observe(state);
      if (!record) continue;
      unit.outbox.add(record);
      made = true;
    }
    if (made) unit.link?.wake();
  }

  function start(): void {
    for (const unit of units) {
      const timer = setTimeout(
        () => {
          startTimers.delete(timer);
          connectUnit(unit);
        },
        unit.random() * units.length * START_SPREAD_PER_DEVICE_MS,
      );
      startTimers.add(timer);
    }
    ticker = setInterval(tick, TICK_MS);
  }

  function stopDriving(): void {
    clearInterval(ticker);
    for (const unit of units) {
      unit.offlineUntilMs = 0;
      unit.link?.setOnline(true);
    }
  }

  function counters(): LinkCounters & { overwritten: number } {
    const sum = { ...noCounts(), overwritten: 0 };
    for (const unit of units) {
      for (const name of Object.keys(unit.counters) as (keyof LinkCounters)[]) sum[name] += unit.counters[name];
      sum.overwritten += unit.outbox.overwritten;
    }
    return sum;
  }

  function close(): void {
    if (closed) return;
    closed = true;
    clearInterval(ticker);
    for (const timer of startTimers) clearTimeout(timer);
    for (const unit of units) unit.link?.close();
  }

  return {
    devices: units,
    latency,
    start,
    stopDriving,
    counters,
    close,
    get busyDevices() {
      return units.filter((unit) => unit.outbox.size > 0 || unit.link?.busy).length;
    },
  };
}

function floorTo(timeMs: number, stepMs: number): number {
  return Math.floor(timeMs / stepMs) * stepMs;
}

const PASSWORD_CHARACTERS = 24;
const PASSWORD_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789";

/** The same for the same seed, so that a second run against the same service is let in. */
function makePassword(random: Random): string {
  return Array.from(
    { length: PASSWORD_CHARACTERS },
    () => PASSWORD_ALPHABET[pick(random, PASSWORD_ALPHABET.length)],
  ).join("");
}
