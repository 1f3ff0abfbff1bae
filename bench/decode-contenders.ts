import { createRequire } from "node:module";
import { openColumns, type RecordColumns } from "#decoders/teltonika/columns.ts";
import { teltonika } from "#decoders/teltonika/index.ts";
import { readRecords } from "#decoders/teltonika/records.ts";
import { cpuSecondsSince } from "./measure.ts";
import { plainColumns, plainObjects } from "./plain-teltonika.ts";
import { fullRecord, recordPacket } from "./teltonika-load.ts";

/**
 * The decoders that `decode-teltonika.ts` measures. Run as a process, this is one of them: the parent sends a batch and a
 * time, and is told the records per CPU second. Each has a process of its own, so that what the compiler learns from one
 * does not slow another down.
 */

export const CONTENDERS = [
  "ours: checked, to columns",
  "ours: Codec 8",
  "ours without the checksum",
  "plain DataView, to columns",
  "plain DataView, to objects",
  "complete-teltonika-parser 0.3.4",
  "teltonika-parser 0.0.15 (Codec 8)",
] as const;
export type ContenderName = (typeof CONTENDERS)[number];

export type Slice = { recordCount: number; cpuSeconds: number };

type Contender = { codec: 0x08 | 0x8e; decode: (frame: Uint8Array) => unknown; packetsPerLook: number };

/** Distinct packets so that nothing can be remembered between calls. */
const PACKETS = 64;

function contenderOf(name: ContenderName): Contender {
  const fast = { codec: 0x8e, packetsPerLook: PACKETS } as const;
  // A pass of the slow ones over all packets would take longer than a slice.
  const slow = { packetsPerLook: 8 };
  switch (name) {
    case "ours: checked, to columns":
      return { ...fast, decode: ours() };
    case "ours: Codec 8":
      return { ...fast, codec: 0x08, decode: ours() };
    case "ours without the checksum":
      return { ...fast, decode: (frame) => readRecords(frame, 8, frame.length - 4) };
    case "plain DataView, to columns": {
      const columns = openColumns(65_536);
      return { ...fast, decode: (frame) => plainColumns(frame, columns) };
    }
    case "plain DataView, to objects":
      return { ...fast, decode: plainObjects };
    case "complete-teltonika-parser 0.3.4": {
      const { ProtocolParser } = peer("complete-teltonika-parser");
      return { ...slow, codec: 0x8e, decode: (frame) => new ProtocolParser(Buffer.from(frame).toString("hex")) };
    }
    case "teltonika-parser 0.0.15 (Codec 8)": {
      const TeltonikaParser = peer("teltonika-parser");
      return { ...slow, codec: 0x08, decode: (frame) => new TeltonikaParser(frame).getAvl() };
    }
  }
}

function ours(): (bytes: Uint8Array) => RecordColumns | undefined {
  const framer = teltonika.openStream();
  return (bytes) => {
    const result = framer.next(bytes);
    return result.kind === "frame" ? readRecords(result.frame, 8, result.consumed - 4) : undefined;
  };
}

function peer(name: string) {
  return createRequire(new URL("./peers/package.json", import.meta.url))(name);
}

export function packetsOf(codec: 0x08 | 0x8e, recordCount: number): Buffer[] {
  return Array.from({ length: PACKETS }, (_, index) =>
    Buffer.from(recordPacket(codec, recordCount, fullRecord, 1_700_000_000_000 + index * 60_000)),
  );
}

/** Throws unless ours and the plain decoder fill the same columns from every packet. */
export function checkSameResult(recordCount: number): void {
  const decode = ours();
  const plain = openColumns(65_536);
  for (const packet of [...packetsOf(0x8e, recordCount), ...packetsOf(0x08, recordCount)]) {
    const columns = decode(packet);
    const isSame = columns && plainColumns(packet, plain) && writtenDown(columns) === writtenDown(plain);
    if (!isSame) throw new Error(`ours and the plain decoder differ over ${packet.toString("hex")}`);
  }
}

function writtenDown(columns: RecordColumns): string {
  const { recordCount, elementCount } = columns;
  return JSON.stringify(
    Object.entries(columns).map(([name, values]) => {
      if (typeof values !== "object") return name === "hasGeneration" ? [] : [name, values];
      const ends = name === "start" || name === "firstElement" ? 1 : 0;
      return [name, [...values.subarray(0, name.startsWith("element") ? elementCount : recordCount + ends)]];
    }),
  );
}

/** Answers the parent's slices. */
function serve(name: ContenderName): void {
  const { codec, decode, packetsPerLook } = contenderOf(name);
  let packets: Buffer[] = [];
  let batch = 0;
  process.on("message", ({ recordCount, cpuSeconds }: Slice) => {
    if (batch !== recordCount) {
      packets = packetsOf(codec, recordCount);
      batch = recordCount;
      if (!packets.every(decode)) throw new Error(`${name} does not decode the packets`);
    }
    const begin = process.cpuUsage();
    let decoded = 0;
    let usedS = 0;
    do {
      for (let looked = 0; looked < packetsPerLook; looked++) decode(packets[decoded++ % PACKETS]!);
      usedS = cpuSecondsSince(begin);
    } while (usedS < cpuSeconds);
    process.send?.((decoded * recordCount) / usedS);
  });
  process.on("disconnect", () => process.exit(0));
  process.send?.("ready");
}

if (import.meta.main) serve(process.argv[2] as ContenderName);
