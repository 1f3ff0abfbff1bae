import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { ProtocolDecoder, ProtocolName, Transport } from "./decoder.ts";
import { readGoldens } from "./golden.ts";
import { decoders } from "./index.ts";
import { ContractError, type Cut, contextOf, cutDatagram, cutStream, hexOf, readFrame } from "./outcome.ts";

/**
 * Deterministic fuzzing of a decoder: seeded random and mutated inputs. Each input is read twice as a view into a larger
 * buffer whose surroundings differ, so reading over either edge shows as a difference; a throw or a broken contract ends
 * the run with the input in hex.
 */
export type FuzzTarget = {
  decoder: ProtocolDecoder;
  /** Valid inputs to mutate. */
  seeds: readonly Uint8Array[];
  count: number;
  /** Seed of the random numbers: the same seed gives the same inputs. */
  seed: number;
};

export type FuzzSummary = {
  inputs: number;
  frames: number;
  rejected: number;
  decoded: number;
  heapGrowthBytes: number;
};

export class FuzzError extends Error {
  override readonly name = "FuzzError";
}

/** Heap that a whole run may leave behind, whatever its count: caches of a decoder are bounded. */
export const HEAP_GROWTH_BYTES_MAX = 24 * 1024 * 1024;

const EDGE_BYTES = 64;
const INPUT_BYTES_MAX = 2048;
const WARM_UP_SHARE = 0.2;

export function fuzz({ decoder, seeds, count, seed }: FuzzTarget): FuzzSummary {
  const random = randomSource(seed);
  const arena = new Uint8Array(INPUT_BYTES_MAX + 2 * EDGE_BYTES);
  const summary: FuzzSummary = { inputs: 0, frames: 0, rejected: 0, decoded: 0, heapGrowthBytes: 0 };
  let heapBytes = 0;
  for (let index = 0; index < count; index++) {
    if (index === Math.floor(count * WARM_UP_SHARE)) heapBytes = settledHeapBytes();
    const length = writeInput(arena, seeds, random);
    const transport = transportOf(random);
    readTwice(decoder, arena, length, transport, random, summary);
    summary.inputs++;
  }
  summary.heapGrowthBytes = settledHeapBytes() - heapBytes;
  if (summary.heapGrowthBytes > HEAP_GROWTH_BYTES_MAX) {
    throw new FuzzError(`${decoder.protocol} keeps memory: the heap grew by ${summary.heapGrowthBytes} bytes`);
  }
  return summary;
}

/** The golden frames of a protocol, as seeds. */
export function goldenSeeds(protocol: ProtocolName): Uint8Array[] {
  const folder = join(import.meta.dirname, protocol, "frames");
  if (!existsSync(folder)) return [];
  return [...readGoldens(folder).values()].map((golden) => Buffer.from(golden.hex, "hex"));
}

function readTwice(
  decoder: ProtocolDecoder,
  arena: Uint8Array,
  length: number,
  transport: Transport,
  random: Random,
  summary: FuzzSummary,
): void {
  const input = arena.subarray(EDGE_BYTES, EDGE_BYTES + length);
  try {
    paintEdges(arena, length, random);
    const first = readInPlace(decoder, input, transport);
    paintEdges(arena, length, random);
    const second = readInPlace(decoder, input, transport);
    if (JSON.stringify(second) !== JSON.stringify(first)) throw new ContractError("it read over an edge");
    count(summary, first.cuts);
    for (const cut of first.cuts) {
      if (cut.kind !== "frame") continue;
      const { result } = readFrame(decoder, Buffer.from(cut.hex, "hex"), contextOf(transport));
      if (result.kind === "decoded") summary.decoded++;
    }
  } catch (error) {
    const hex = Buffer.from(input).toString("hex");
    throw new FuzzError(`${decoder.protocol} over ${transport} failed on ${hex}: ${String(error)}`, { cause: error });
  }
}

/** Cuts the input, and reads it as one frame where it lies: bytes that no framer let through must be harmless too. */
function readInPlace(decoder: ProtocolDecoder, input: Uint8Array, transport: Transport) {
  return { cuts: cutsOf(decoder, input, transport), whole: readFrame(decoder, input, contextOf(transport)) };
}

function cutsOf(decoder: ProtocolDecoder, input: Uint8Array, transport: Transport): Cut[] {
  switch (transport) {
    case "tcp":
      return cutStream(decoder, input);
    case "udp":
      return [cutDatagram(decoder, input)];
    case "mqtt":
    case "http":
      return [{ kind: "frame", hex: hexOf(input) }];
  }
}

function count(summary: FuzzSummary, cuts: readonly Cut[]): void {
  const frames = cuts.filter((cut) => cut.kind === "frame").length;
  summary.frames += frames;
  summary.rejected += cuts.length - frames;
}

function transportOf(random: Random): Transport {
  const draw = random(8);
  if (draw < 4) return "tcp";
  if (draw < 6) return "udp";
  return draw === 6 ? "mqtt" : "http";
}

/** Writes a random, a mutated or a spliced input between the edges of the arena; returns its length. */
function writeInput(arena: Uint8Array, seeds: readonly Uint8Array[], random: Random): number {
  const pick = seeds.length === 0 ? undefined : seeds[random(seeds.length)];
  if (!pick || random(10) === 0) {
    const length = random(200);
    for (let at = 0; at < length; at++) arena[EDGE_BYTES + at] = random(256);
    return length;
  }
  let length = Math.min(pick.length, INPUT_BYTES_MAX);
  arena.set(pick.subarray(0, length), EDGE_BYTES);
  if (random(4) === 0) {
    const tail = seeds[random(seeds.length)]!;
    const keep = random(length + 1);
    const added = tail.subarray(random(tail.length + 1)).subarray(0, INPUT_BYTES_MAX - keep);
    arena.set(added, EDGE_BYTES + keep);
    length = keep + added.length;
  }
  for (let changes = random(5); changes > 0 && length > 0; changes--) {
    const at = EDGE_BYTES + random(length);
    arena[at] = random(3) === 0 ? EDGE_VALUES[random(EDGE_VALUES.length)]! : arena[at]! ^ (1 << random(8));
  }
  return random(6) === 0 ? random(length + 1) : length;
}

const EDGE_VALUES = [0x00, 0x01, 0x0f, 0x7f, 0x80, 0xfe, 0xff];

function paintEdges(arena: Uint8Array, length: number, random: Random): void {
  const colour = random(256);
  arena.fill(colour, 0, EDGE_BYTES);
  arena.fill(colour ^ 0x5a, EDGE_BYTES + length, EDGE_BYTES + length + EDGE_BYTES);
}

/** An integer in 0..below-1. */
type Random = (below: number) => number;

/** mulberry32: small, fast and the same everywhere. */
function randomSource(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function settledHeapBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

/** `node decoders/fuzz.ts [--count N] [--seed N] [PROTOCOL…]`: N inputs for each decoder named, or for all. */
function runFuzz(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { count: { type: "string", default: "10000000" }, seed: { type: "string", default: "1" } },
  });
  for (const decoder of Object.values(decoders)) {
    if (positionals.length > 0 && !positionals.includes(decoder.protocol)) continue;
    const target = {
      decoder,
      seeds: goldenSeeds(decoder.protocol),
      count: Number(values.count),
      seed: Number(values.seed),
    };
    console.log(JSON.stringify({ protocol: decoder.protocol, ...fuzz(target) }));
  }
}

if (import.meta.main) runFuzz();
