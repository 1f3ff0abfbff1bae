import { createRequire } from "node:module";
import { openColumns } from "#decoders/teltonika/columns.ts";
import { crc16 } from "#decoders/teltonika/crc16.ts";
import { teltonika } from "#decoders/teltonika/index.ts";
import { readRecords } from "#decoders/teltonika/records.ts";
import { median, printGoal, printTable, ratePerCpuSecond } from "./measure.ts";
import { plainColumns, plainObjects } from "./plain-teltonika.ts";
import { fullRecord, recordPacket } from "./teltonika-load.ts";

/** Decode rates of full Teltonika records (148 bytes, 21 elements), ours beside a plain decoder and the npm peers. */

const BATCHES = [1, 10, 25] as const;
/** The encoder of `fullRecord` times: distinct packets so that nothing can be remembered between calls. */
const PACKETS = 64;
const ROUNDS = 3;
const peers = createRequire(new URL("./peers/package.json", import.meta.url));

type Contender = { name: string; codec: 0x08 | 0x8e; decode: (frame: Uint8Array) => unknown; cpuSeconds?: number };

function contenders(): Contender[] {
  const columns = openColumns(65_536);
  const framer = teltonika.openStream();
  const ours = (bytes: Uint8Array) => {
    const result = framer.next(bytes);
    return result.kind === "frame" && readRecords(result.frame, 8, result.consumed - 4, columns);
  };
  return [
    { name: "ours: checked, to columns", codec: 0x8e, decode: ours },
    { name: "ours: Codec 8", codec: 0x08, decode: ours },
    {
      name: "ours without the checksum",
      codec: 0x8e,
      decode: (frame) => readRecords(frame, 8, frame.length - 4, columns),
    },
    { name: "plain DataView, to columns", codec: 0x8e, decode: (frame) => plainColumns(frame, columns) },
    { name: "plain DataView, to objects", codec: 0x8e, decode: plainObjects },
    ...peerContenders(),
  ];
}

function peerContenders(): Contender[] {
  try {
    const { ProtocolParser } = peers("complete-teltonika-parser");
    const TeltonikaParser = peers("teltonika-parser");
    return [
      {
        name: "complete-teltonika-parser 0.3.4",
        codec: 0x8e,
        decode: (frame) => new ProtocolParser(Buffer.from(frame).toString("hex")),
        cpuSeconds: 0.4,
      },
      {
        name: "teltonika-parser 0.0.15 (Codec 8)",
        codec: 0x08,
        decode: (frame) => new TeltonikaParser(frame).getAvl(),
        cpuSeconds: 0.4,
      },
    ];
  } catch {
    console.log("The npm peers are not installed: run `npm ci --prefix bench/peers` to have them measured.");
    return [];
  }
}

function rates(contender: Contender): number[] {
  return BATCHES.map((recordCount) => {
    const packets = Array.from({ length: PACKETS }, (_, index) =>
      Buffer.from(recordPacket(contender.codec, recordCount, fullRecord, 1_700_000_000_000 + index * 60_000)),
    );
    if (!contender.decode(packets[0]!)) throw new Error(`${contender.name} does not decode the packet`);
    const decodeAll = () => {
      for (const packet of packets) contender.decode(packet);
    };
    return ratePerCpuSecond(PACKETS * recordCount, decodeAll, contender.cpuSeconds ?? 0.7);
  });
}

function checksumRate(): number {
  const bytes = new Uint8Array(4096).map((_, index) => index * 31);
  return ratePerCpuSecond(bytes.length / 1e6, () => crc16(bytes, 0, bytes.length));
}

const measured = contenders().map((contender) => ({ contender, rounds: [] as number[][], rates: [] as number[] }));
// In turn and several times: code that is measured first is not yet compiled for what comes later.
for (let round = 0; round < ROUNDS; round++) {
  for (const entry of measured) entry.rounds.push(rates(entry.contender));
}
for (const entry of measured)
  entry.rates = BATCHES.map((_, index) => median(entry.rounds.map((round) => round[index]!)));
const oursByBatch = measured[0]!.rates;
printTable(
  "Teltonika decode, thousand full records per CPU second (148 bytes, 21 elements)",
  measured.map(({ contender, rates: values }) => ({
    decoder: contender.name,
    ...Object.fromEntries(BATCHES.map((count, index) => [`${count} a packet`, values[index]! / 1000])),
    "ours is × at 25": oursByBatch[2]! / values[2]!,
  })),
);
console.log(`\nCRC-16/IBM, 4,096 bytes: ${Math.round(checksumRate())} MB per CPU second`);
const ratioTo = (name: string, index: number) =>
  oursByBatch[index]! / (measured.find(({ contender }) => contender.name.startsWith(name))?.rates[index] ?? Number.NaN);
const peerRates = measured.filter(({ contender }) => /^(complete|teltonika)/.test(contender.name));
if (peerRates.length > 0) {
  const ratio = Math.min(
    ...BATCHES.map(
      (_, index) => oursByBatch[index]! / Math.max(...peerRates.map(({ rates: values }) => values[index]!)),
    ),
  );
  printGoal("decode at least 40 × the fastest npm peer (worst batch)", ratio, ratio >= 40);
}
const plainObjectsRatio = Math.min(...BATCHES.map((_, index) => ratioTo("plain DataView, to objects", index)));
const plainColumnsRatio = Math.min(...BATCHES.map((_, index) => ratioTo("plain DataView, to columns", index)));
printGoal(
  "decode at least 2.5 × a plain DataView decoder (to objects, worst batch)",
  plainObjectsRatio,
  plainObjectsRatio >= 2.5,
);
printGoal("… and of one that fills the same columns (worst batch)", plainColumnsRatio, plainColumnsRatio >= 2.5);
