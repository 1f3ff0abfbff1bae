import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type DecodeLinesOptions, decodeLines } from "./decode-lines.ts";
import { encodeDatagram, encodeLogin, encodePacket } from "./teltonika/encode.ts";

const IMEI = "356307042441013";
const record = {
  timeMs: 1_560_161_086_000,
  priority: 0,
  longitudeE7: 1_512_000_000,
  latitudeE7: -331_000_000,
  altitudeM: 12,
  headingDeg: 271,
  satellites: 9,
  speedKmh: 50,
  eventId: 239,
  elements: [
    { id: 239, bytes: Uint8Array.of(1) },
    { id: 67, bytes: Uint8Array.of(0x10, 0x04) },
  ],
};
const data = { kind: "records", codec: 8, records: [record] } as const;
const packet = hex(encodePacket(data));
const login = hex(encodeLogin(IMEI));
const datagram = hex(encodeDatagram({ packetId: 0xcafe, unused: 1, avlPacketId: 5, imei: IMEI }, data));

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

async function run(lines: string[], options: Partial<DecodeLinesOptions> = {}) {
  const written: { [name: string]: unknown }[] = [];
  const result = await decodeLines({
    protocol: "teltonika",
    model: null,
    identify: null,
    lines: (async function* () {
      yield* lines;
    })(),
    write: (line) => written.push(JSON.parse(line) as { [name: string]: unknown }),
    nowMs: 0,
    ...options,
  });
  return { result, written };
}

test("a record becomes one object with every promised field", async () => {
  const { written } = await run([packet], { identify: login });
  expect(written).toEqual([
    {
      protocol: "teltonika",
      kind: "fix",
      deviceUid: IMEI,
      time: "2019-06-10T10:04:46.000Z",
      valid: true,
      lat: -33.1,
      lon: 151.2,
      altitudeM: 12,
      speedMps: 50 / 3.6,
      headingDeg: 271,
      satellites: 9,
      hdop: null,
      event: "ignition.on",
      attributes: { ignition: true, "battery.voltage": 4.1 },
      ack: "00000001",
    },
  ]);
});

test("a line may hold several frames, and a login names the device of what follows", async () => {
  const { written } = await run([`FF ${login.toUpperCase()} ${packet}`, "", packet]);
  expect(written.map(({ kind, deviceUid, ack }) => [kind, deviceUid, ack])).toEqual([
    ["heartbeat", null, undefined],
    ["login", IMEI, "01"],
    ["fix", IMEI, "00000001"],
    ["fix", IMEI, "00000001"],
  ]);
});

test("a line that is no stream but a sound datagram is read as one", async () => {
  const { written } = await run([datagram]);
  expect(written.map(({ kind, deviceUid, ack }) => [kind, deviceUid, ack])).toEqual([["fix", IMEI, "0005cafe010501"]]);
});

test("bad lines, wrong checksums and cut frames are answered and do not stop the batch", async () => {
  const wrong = `${packet.slice(0, -2)}00`;
  const { written, result } = await run(["xyz", "abc", wrong, packet.slice(0, 40), packet]);
  expect(written.map(({ line, error, kind, reason }) => line ?? [kind, reason, error])).toEqual([
    1,
    2,
    ["rejected", "checksum", undefined],
    ["rejected", "length", undefined],
    ["fix", undefined, undefined],
  ]);
  expect(written[0]?.error).toEqual({ code: "hex", detail: '"x" is not a hex digit' });
  expect(result).toEqual({ kind: "done", lines: 5, badLines: 2 });
});

test("an intact packet whose records do not fit is undecodable, with its answer", async () => {
  const field = `0801${"00".repeat(12)}01`;
  const head = hex(encodePacket(data)).slice(0, 8) + (field.length / 2).toString(16).padStart(8, "0");
  const { crc16 } = await import("./teltonika/crc16.ts");
  const crc = crc16(Buffer.from(field, "hex"), 0, field.length / 2)
    .toString(16)
    .padStart(8, "0");
  const { written } = await run([head + field + crc]);
  expect(written).toMatchObject([{ kind: "undecodable", reason: "layout", ack: "00000001" }]);
});

test("an unknown protocol and an identify that is not hex are said so", async () => {
  expect((await run([], { protocol: "pigeon" })).result).toEqual({ kind: "unknownProtocol" });
  expect((await run([], { identify: "0" })).result).toMatchObject({ kind: "badIdentify" });
});

const CORPUS = join(import.meta.dirname, "../../shared/corpus/teltonika.jsonl");

test.skipIf(!existsSync(CORPUS))("every line of the conformance corpus is answered by objects", async () => {
  const lines = readFileSync(CORPUS, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .flatMap((line) => (JSON.parse(line) as { wire: string[] }).wire);
  const { written, result } = await run(lines);
  expect(result).toEqual({ kind: "done", lines: lines.length, badLines: 0 });
  expect(written.length).toBeGreaterThanOrEqual(lines.length);
  for (const item of written) expect(item.protocol).toBe("teltonika");
});
