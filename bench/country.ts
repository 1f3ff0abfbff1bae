import { seededRandom } from "#stream/geofence/simulated-visits.ts";
import { OsmPbfWriter } from "./osm-pbf-writer.ts";

/**
 * A made-up country as OpenStreetMap PBF: towns on a lattice, each a grid of bent streets with gaps, dead ends and one-way
 * streets, roads with field tracks between them, motorways of two carriageways with ramps. It is meant to be like real
 * extracts in what costs memory and time: junctions, points and names (`roads-country.ts` prints it beside a real one).
 */
export type CountrySize = { townsAcross: number; townsDown: number };

const [SOUTH_DEG, WEST_DEG] = [46, 6];
const TOWNS_APART_M = 4_000;
const BLOCK_M = 105;
const METRES_PER_E7 = 0.0111195;
const LON_METRES_PER_E7 = METRES_PER_E7 * Math.cos((48.5 * Math.PI) / 180);
/** Streets across a town: this many, and up to so many more in the largest. */
const [STREETS_MIN, STREETS_MORE] = [6, 18];
const STREET_THERE = 0.8;
const DEAD_ENDS_PER_JUNCTION = 0.8;
const ONE_WAY = 0.12;
const JUNCTIONS_PER_RESTRICTION = 120;
const MOTORWAY_EVERY = 6;
const MOTORWAY_SOUTH_M = 1_850;
const NODES_PER_TOWN_MAX = 1 << 14;
const RELATION_ID = 1;

type Place = { eastM: number; northM: number };
type Way = { refs: number[]; tags: Record<string, string> };
type Town = { nodes: Place[]; ways: Way[]; banned: { from: number; via: number; to: number }[] };

/** Writes the country's roads to a file. */
export function writeCountry(path: string, size: CountrySize): void {
  const writer = new OsmPbfWriter(path);
  const count = size.townsAcross * size.townsDown;
  for (let town = 0; town < count; town++)
    makeTown(town, size).nodes.forEach(({ eastM, northM }, i) => {
      const latE7 = Math.round(SOUTH_DEG * 1e7 + northM / METRES_PER_E7);
      writer.addNode(nodeId(town, i), latE7, Math.round(WEST_DEG * 1e7 + eastM / LON_METRES_PER_E7));
    });
  writer.flush();
  let wayId = 0;
  for (let town = 0; town < count; town++)
    for (const { refs, tags } of makeTown(town, size).ways) writer.addWay({ id: ++wayId, refs, tags });
  writer.flush();
  let firstWay = 1;
  let relationId = RELATION_ID;
  for (let town = 0; town < count; town++) {
    const { ways, banned } = makeTown(town, size);
    for (const { from, via, to } of banned)
      writer.addRelation({
        id: relationId++,
        tags: { type: "restriction", restriction: "no_left_turn" },
        members: [
          { type: "way", ref: firstWay + from, role: "from" },
          { type: "node", ref: via, role: "via" },
          { type: "way", ref: firstWay + to, role: "to" },
        ],
      });
    firstWay += ways.length;
  }
  writer.flush();
}

function nodeId(town: number, index: number): number {
  return town * NODES_PER_TOWN_MAX + index + 1;
}

function streetsOf(town: number): number {
  return STREETS_MIN + Math.floor(STREETS_MORE * seededRandom(town * 7 + 1)() ** 2);
}

/** Junction of a town's grid; its index among the town's nodes is `row · streets + column`. */
function junction(town: number, row: number, column: number, { townsAcross }: CountrySize): Place {
  const middle = (streetsOf(town) - 1) / 2;
  const jitter = seededRandom(town * 1_000_003 + row * 1_009 + column);
  return {
    eastM: (town % townsAcross) * TOWNS_APART_M + (column - middle + (jitter() - 0.5) * 0.5) * BLOCK_M,
    northM: Math.floor(town / townsAcross) * TOWNS_APART_M + (row - middle + (jitter() - 0.5) * 0.5) * BLOCK_M,
  };
}

function makeTown(town: number, size: CountrySize): Town {
  const random = seededRandom(town * 31 + 17);
  const streets = streetsOf(town);
  const made: Town = { nodes: [], ways: [], banned: [] };
  for (let row = 0; row < streets; row++)
    for (let column = 0; column < streets; column++) made.nodes.push(junction(town, row, column, size));
  const column = town % size.townsAcross;
  const row = Math.floor(town / size.townsAcross);
  const hasMotorway = row % MOTORWAY_EVERY === MOTORWAY_EVERY >> 1;
  if (hasMotorway) for (const offsetM of [0, 25]) made.nodes.push(motorwayPlace(town, offsetM, size));
  const builder = { town, size, random, made };
  for (let line = 0; line < streets; line++) {
    addStreet(builder, line, (step) => line * streets + step);
    addStreet(builder, line, (step) => step * streets + line);
  }
  for (let index = JUNCTIONS_PER_RESTRICTION >> 1; index < streets ** 2; index += JUNCTIONS_PER_RESTRICTION)
    banTurn(made, nodeId(town, index));
  addDeadEnds(builder, streets * streets);
  const middle = streets >> 1;
  if (column + 1 < size.townsAcross)
    addRoad(builder, middle * streets + streets - 1, town + 1, (there) => (there >> 1) * there, "secondary");
  if (row + 1 < size.townsDown) {
    const className = column % MOTORWAY_EVERY === 0 ? "trunk" : "tertiary";
    addRoad(builder, (streets - 1) * streets + middle, town + size.townsAcross, (there) => there >> 1, className);
  }
  if (hasMotorway) addMotorway(builder, column + 1 < size.townsAcross);
  return made;
}

type Builder = { town: number; size: CountrySize; random: () => number; made: Town };

/** A street through the town's junctions, broken where it has gaps. */
function addStreet({ town, random, made }: Builder, line: number, indexOf: (step: number) => number): void {
  const streets = streetsOf(town);
  const isMain = line === streets >> 1;
  let refs: number[] = [];
  const end = (): void => {
    if (refs.length > 1) made.ways.push({ refs, tags: streetTags(random, town, isMain) });
    refs = [];
  };
  for (let step = 0; step < streets; step++) {
    refs.push(nodeId(town, indexOf(step)));
    if (step + 1 === streets || (!isMain && random() > STREET_THERE)) {
      end();
      continue;
    }
    refs.push(...bend(town, made, made.nodes[indexOf(step)]!, made.nodes[indexOf(step + 1)]!, random() * 6, random));
    // Streets change their name, or something else of theirs, every few junctions.
    if (random() < 0.3) {
      refs.push(nodeId(town, indexOf(step + 1)));
      end();
    }
  }
}

function banTurn({ ways, banned }: Town, via: number): void {
  const [from, to] = ways.flatMap(({ refs }, way) => (refs.includes(via) ? [way] : []));
  if (from !== undefined && to !== undefined) banned.push({ from, via, to });
}

function streetTags(random: () => number, town: number, isMain: boolean): Record<string, string> {
  const name = streetName(random, town);
  if (isMain) return { highway: "secondary", name, maxspeed: "50" };
  const highway = random() < 0.2 ? "tertiary" : "residential";
  return { highway, name, ...(random() < ONE_WAY ? { oneway: "yes" } : {}) };
}

const NAMES = [
  "Linden",
  "Station",
  "Garden",
  "Mill",
  "Church",
  "School",
  "Forest",
  "Rose",
  "Castle",
  "Market",
  "Brook",
];
const KINDS = ["street", "lane", "way", "alley", "square", "row"];

function streetName(random: () => number, town: number): string {
  const name = `${NAMES[Math.floor(random() * NAMES.length)]} ${KINDS[Math.floor(random() * KINDS.length)]}`;
  return random() < 0.2 ? `${name} of town ${town} ${Math.floor(random() * 10)}` : name;
}

function addDeadEnds({ town, random, made }: Builder, junctions: number): void {
  for (let count = Math.round(junctions * DEAD_ENDS_PER_JUNCTION); count > 0; count--) {
    const index = Math.floor(random() * junctions);
    const from = made.nodes[index]!;
    const angle = random() * 2 * Math.PI;
    const lengthM = 20 + random() * 60;
    const to = { eastM: from.eastM + lengthM * Math.cos(angle), northM: from.northM + lengthM * Math.sin(angle) };
    const refs = [nodeId(town, index), ...bend(town, made, from, to, random() * 4, random)];
    refs.push(addNode(town, made, to));
    made.ways.push({ refs, tags: { highway: "service", ...(random() < 0.3 ? { access: "private" } : {}) } });
  }
}

/** A road to the next town, with field tracks that begin at it. */
function addRoad(
  { town, size, random, made }: Builder,
  fromIndex: number,
  toTown: number,
  gateOf: (streets: number) => number,
  highway: string,
): void {
  const there = streetsOf(toTown);
  const gate = gateOf(there);
  const to = junction(toTown, Math.floor(gate / there), gate % there, size);
  const between = bend(town, made, made.nodes[fromIndex]!, to, 30 + random() * 20, random);
  const refs = [nodeId(town, fromIndex), ...between, nodeId(toTown, gate)];
  made.ways.push({ refs, tags: { highway, ref: `R ${town % 900}`, maxspeed: highway === "trunk" ? "110" : "90" } });
  for (let at = 5; at < between.length; at += 6) {
    const from = made.nodes[between[at]! - nodeId(town, 0)]!;
    const field = { eastM: from.eastM + (random() - 0.5) * 900, northM: from.northM + (random() - 0.5) * 900 };
    const track = [between[at]!, ...bend(town, made, from, field, 4 + random() * 10, random)];
    made.ways.push({ refs: track, tags: { highway: "track", tracktype: random() < 0.3 ? "grade1" : "grade3" } });
  }
}

function motorwayPlace(town: number, offsetM: number, { townsAcross }: CountrySize): Place {
  const east = (town % townsAcross) * TOWNS_APART_M;
  return { eastM: east, northM: Math.floor(town / townsAcross) * TOWNS_APART_M - MOTORWAY_SOUTH_M + offsetM };
}

/** Two carriageways to the next town, whose nodes follow those of its grid, and ramps to the town's south gate. */
function addMotorway({ town, size, random, made }: Builder, goesOn: boolean): void {
  const streets = streetsOf(town);
  const gate = streets >> 1;
  const carriageway = (at: number, index: 0 | 1): number => nodeId(at, streetsOf(at) ** 2 + index);
  const ramp = (from: Place, fromId: number, to: Place, toId: number): void => {
    const refs = [fromId, ...bend(town, made, from, to, 8, random), toId];
    made.ways.push({ refs, tags: { highway: "motorway_link", oneway: "yes" } });
  };
  for (const index of [0, 1] as const) {
    const here = made.nodes[streets ** 2 + index]!;
    ramp(here, carriageway(town, index), made.nodes[gate]!, nodeId(town, gate));
    ramp(made.nodes[gate]!, nodeId(town, gate), here, carriageway(town, index));
    if (!goesOn) continue;
    const there = motorwayPlace(town + 1, index * 25, size);
    const refs = [carriageway(town, index), ...bend(town, made, here, there, 16, random), carriageway(town + 1, index)];
    if (index === 1) refs.reverse();
    made.ways.push({ refs, tags: { highway: "motorway", ref: "M 1", oneway: "yes", maxspeed: "130" } });
  }
}

/** About `points` places on a bent line between two, both left out; their ids. */
function bend(town: number, made: Town, from: Place, to: Place, points: number, random: () => number): number[] {
  const [eastM, northM] = [to.eastM - from.eastM, to.northM - from.northM];
  const bulge = (random() - 0.5) * 0.3;
  const ids: number[] = [];
  const count = Math.floor(points);
  for (let i = 1; i <= count; i++) {
    const share = i / (count + 1);
    const asideShare = bulge * Math.sin(Math.PI * share) + (random() - 0.5) * 0.02;
    const place = {
      eastM: from.eastM + eastM * share - northM * asideShare,
      northM: from.northM + northM * share + eastM * asideShare,
    };
    ids.push(addNode(town, made, place));
  }
  return ids;
}

function addNode(town: number, made: Town, place: Place): number {
  return nodeId(town, made.nodes.push(place) - 1);
}
