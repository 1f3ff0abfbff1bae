import type { FixSource } from "./check.ts";
import { type Behaviour, type FaultRates, NO_FAULTS } from "./device.ts";
import { type DeviceKind, deviceProtocols } from "./devices/index.ts";
import type { FleetDevice, FleetOptions, OfflineTimes } from "./fleet.ts";
import type { Progress } from "./index.ts";

/**
 * drive: vehicles on streets that report as trackers are set up to. load: as many records as asked for, evenly.
 * adversity: load with every fault a network and a device can have.
 */
export const SCENARIOS = ["drive", "load", "adversity"] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

/** Devices of every protocol that has a port are in the fleet, in turn. */
export type SimulationTarget = {
  host: string;
  teltonikaPort?: number | undefined;
  /** Where UDP has another port than TCP. */
  teltonikaUdpPort?: number | undefined;
  /** Of Teltonika devices; `mixed` puts every third one on UDP. */
  transport?: "tcp" | "udp" | "mixed";
  queclinkPort?: number | undefined;
  /** Of Queclink devices that send datagrams. */
  queclinkUdpPort?: number | undefined;
  gt06Port?: number | undefined;
  mqttPort?: number | undefined;
  osmandPort?: number | undefined;
  /** Of OwnTracks in its HTTP mode. */
  owntracksHttpPort?: number | undefined;
};

export type SimulationOptions = {
  scenario: ScenarioName;
  target: SimulationTarget;
  vehicles: number;
  /** How long to drive; without it until `signal` is aborted. */
  seconds?: number;
  signal?: AbortSignal;
  /** Of all vehicles together; `load` and `adversity` make one per vehicle and second without it. */
  recordsPerSecond?: number;
  recordsPerPacket?: number;
  seed: number;
  /** With both the devices are registered first, and the store is checked at the end. */
  apiUrl?: string;
  apiKey?: string;
  /** Reads the store by another way than the API. */
  fixSource?: FixSource;
  /** What differs from the scenario's own behaviour. */
  behaviour?: Partial<Behaviour>;
  offline?: OfflineTimes | null;
  unsynchronisedShare?: number;
  /** Longest wait, after driving, for the last acknowledgements. */
  drainMs?: number;
  /** Longest wait for acknowledged records to appear in the store. */
  checkPatienceMs?: number;
  /** Also compares positions, paths, visits and trips with the truth; needs `apiUrl` and `apiKey`. */
  score?: boolean;
  onProgress?(progress: Progress): void;
  onObserved?: FleetOptions["onObserved"];
  errandsOf?: FleetOptions["errandsOf"];
  /** Awaited after the devices are registered and before anybody drives; in the order of the vehicles. */
  beforeStart?(devices: readonly FleetDevice[]): Promise<void>;
  /** Unix milliseconds. */
  now?(): number;
};

export type ScenarioPlan = {
  fleet: Omit<FleetOptions, "network" | "seed" | "ledger" | "now">;
  drainMs: number;
};

const DRIVE_SAMPLE_MS = 1_000;
const DRIVE_RULE = { everyMs: 5_000, everyM: 100, everyDeg: 25 };
const DRIVE_BEHAVIOUR: Behaviour = {
  recordsPerPacket: 1,
  sendAfterMs: 2_000,
  order: "oldestFirst",
  responseTimeoutMs: 10_000,
  heartbeatMs: 60_000,
  backoffMs: [500, 1_000, 2_000, 5_000],
  faults: NO_FAULTS,
};
/** Every twelfth packet or so meets something. */
const ADVERSE_FAULTS: FaultRates = { cut: 0.02, vanish: 0.02, split: 0.02, corrupt: 0.01, duplicate: 0.02 };
const ADVERSE_OFFLINE: OfflineTimes = { perMinute: 1, minMs: 500, maxMs: 5_000 };
const ADVERSE_UNSYNCHRONISED_SHARE = 0.05;
const DRAIN_MS = 60_000;
/** Vehicles really driven under load: enough for variety, few enough to cost nothing beside the sending. */
const LOAD_VEHICLES_MAX = 200;
const NEVER = Number.POSITIVE_INFINITY;

/** Turns the options of a run into a fleet. */
export function planScenario(options: SimulationOptions): ScenarioPlan {
  const isDrive = options.scenario === "drive";
  const isAdverse = options.scenario === "adversity";
  const everyMs = (1_000 * options.vehicles) / (options.recordsPerSecond ?? options.vehicles);
  const behaviour: Behaviour = {
    ...DRIVE_BEHAVIOUR,
    faults: isAdverse ? ADVERSE_FAULTS : NO_FAULTS,
    recordsPerPacket: options.recordsPerPacket ?? 1,
    ...options.behaviour,
  };
  if (behaviour.recordsPerPacket > 1 && options.behaviour?.sendAfterMs === undefined) {
    behaviour.sendAfterMs = Math.max(behaviour.sendAfterMs, 2 * everyMs * behaviour.recordsPerPacket);
  }
  const kinds = kindsOf(options.target);
  const atRate = isDrive && options.recordsPerSecond === undefined;
  return {
    fleet: {
      members: Array.from({ length: options.vehicles }, (_, index) => {
        const { kind, port } = kinds[index % kinds.length]!;
        const newestFirst = isAdverse && Math.floor(index / kinds.length) % 2 === 1;
        return {
          protocol: deviceProtocols[kind],
          host: options.target.host,
          port,
          behaviour: newestFirst ? { ...behaviour, order: "newestFirst" as const } : behaviour,
        };
      }),
      rule: atRate ? DRIVE_RULE : { everyMs: 0, everyM: NEVER, everyDeg: NEVER },
      sampleMs: atRate ? DRIVE_SAMPLE_MS : everyMs,
      noiseM: 3,
      offline: options.offline === undefined ? (isAdverse ? ADVERSE_OFFLINE : null) : options.offline,
      unsynchronisedShare: options.unsynchronisedShare ?? (isAdverse ? ADVERSE_UNSYNCHRONISED_SHARE : 0),
      vehiclesMax: isDrive ? options.vehicles : Math.min(options.vehicles, LOAD_VEHICLES_MAX),
    },
    drainMs: options.drainMs ?? DRAIN_MS,
  };
}

/** The kinds of devices that the target has ports for, in the order in which a fleet deals them out. */
function kindsOf(target: SimulationTarget): { kind: DeviceKind; port: number }[] {
  const { teltonikaPort, teltonikaUdpPort = teltonikaPort, transport = "tcp" } = target;
  const tcp: Offer = ["teltonika-tcp", teltonikaPort];
  const udp: Offer = ["teltonika-udp", teltonikaUdpPort];
  const offers: Offer[] = [
    ...{ tcp: [tcp], udp: [udp], mixed: [tcp, tcp, udp] }[transport],
    ["queclink-tcp", target.queclinkPort],
    ["queclink-udp", target.queclinkUdpPort],
    ["gt06-tcp", target.gt06Port],
    ["owntracks-mqtt", target.mqttPort],
    ["osmand-query", target.osmandPort],
    ["osmand-json", target.osmandPort],
    ["owntracks-http", target.owntracksHttpPort],
  ];
  const kinds = offers.flatMap(([kind, port]) => (port === undefined ? [] : [{ kind, port }]));
  if (kinds.length === 0) throw new RangeError("the target of a simulation has no port");
  return kinds;
}

type Offer = [kind: DeviceKind, port: number | undefined];
