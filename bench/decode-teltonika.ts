import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { crc16 } from "#decoders/teltonika/crc16.ts";
import { CONTENDERS, type ContenderName, checkSameResult, type Slice } from "./decode-contenders.ts";
import { median, printGoal, printTable, ratePerCpuSecond } from "./measure.ts";

/**
 * Decode rates of full Teltonika records (148 bytes, 21 elements), ours beside a plain decoder of the same result and the
 * npm peers. In turn and in short slices, and ratios of slices that lie side by side: the speed of a shared machine drifts
 * by a factor of two within seconds, which no longer average evens out.
 */

const BATCHES = [1, 10, 25] as const;
const WARM_UP_CPU_S = 0.4;
const SLICE_CPU_S = 0.03;
const SLICES = 25;
const PEERS: readonly ContenderName[] = ["complete-teltonika-parser 0.3.4", "teltonika-parser 0.0.15 (Codec 8)"];

const hasPeers = existsSync(new URL("./peers/node_modules", import.meta.url));
if (!hasPeers) console.log("The npm peers are not installed: run `npm ci --prefix bench/peers` to have them measured.");
const names = CONTENDERS.filter((name) => hasPeers || !PEERS.includes(name));

async function start(name: ContenderName): Promise<ChildProcess> {
  const child = fork(new URL("decode-contenders.ts", import.meta.url).pathname, [name]);
  await once(child, "message");
  return child;
}

async function rateOf(child: ChildProcess, slice: Slice): Promise<number> {
  child.send(slice);
  const [rate] = await once(child, "message");
  return rate;
}

/** Records per CPU second of each contender, slice by slice. */
async function measure(children: ReadonlyMap<ContenderName, ChildProcess>, recordCount: number) {
  const rates = new Map<ContenderName, number[]>(names.map((name) => [name, []]));
  for (const child of children.values()) await rateOf(child, { recordCount, cpuSeconds: WARM_UP_CPU_S });
  for (let slice = 0; slice < SLICES; slice++) {
    for (const [name, child] of children) {
      rates.get(name)!.push(await rateOf(child, { recordCount, cpuSeconds: SLICE_CPU_S }));
    }
  }
  return rates;
}

function checksumRate(): number {
  const bytes = new Uint8Array(4096).map((_, index) => index * 31);
  return ratePerCpuSecond(bytes.length / 1e6, () => crc16(bytes, 0, bytes.length), 0.5);
}

for (const recordCount of BATCHES) checkSameResult(recordCount);
const children = new Map<ContenderName, ChildProcess>();
for (const name of names) children.set(name, await start(name));
const byBatch: Map<ContenderName, number[]>[] = [];
for (const recordCount of BATCHES) byBatch.push(await measure(children, recordCount));
for (const child of children.values()) child.disconnect();

/** How many times the rate of `other` ours is, at one batch. */
function ratioTo(other: ContenderName, batch: number): number {
  const ours = byBatch[batch]!.get(CONTENDERS[0])!;
  const theirs = byBatch[batch]!.get(other)!;
  return median(ours.map((rate, slice) => rate / theirs[slice]!));
}

function worstRatio(others: readonly ContenderName[]): number {
  return Math.min(...BATCHES.flatMap((_, batch) => others.map((other) => ratioTo(other, batch))));
}

printTable(
  "Teltonika decode, thousand full records per CPU second (148 bytes, 21 elements)",
  names.map((name) => ({
    decoder: name,
    ...Object.fromEntries(BATCHES.map((count, at) => [`${count} a packet`, median(byBatch[at]!.get(name)!) / 1000])),
    ...Object.fromEntries(BATCHES.map((count, at) => [`ours is × at ${count}`, ratioTo(name, at)])),
  })),
);
console.log(`\nCRC-16/IBM, 4,096 bytes: ${Math.round(checksumRate())} MB per CPU second`);
const goal = (text: string, ratio: number, least: number) => printGoal(`${text} (worst batch)`, ratio, ratio >= least);
if (hasPeers) goal("decode at least 40 × the fastest npm peer", worstRatio(PEERS), 40);
goal("decode at least 2.5 × a plain DataView decoder, to objects", worstRatio(["plain DataView, to objects"]), 2.5);
goal("… and of one that fills the same columns", worstRatio(["plain DataView, to columns"]), 2.5);
