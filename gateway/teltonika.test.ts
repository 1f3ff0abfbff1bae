import { createSocket } from "node:dgram";
import { afterEach, describe, expect, it } from "vitest";
import { findDecoder } from "#decoders";
import { closeTestGateways, hex, openTestGateway, until } from "./test-gateway.ts";

/** Frames of the vendor's own documentation ("Codec", Teltonika wiki). */
const IMEI = "356307042441013";
const LOGIN = Buffer.from("000F333536333037303432343431303133", "hex");
const ONE_RECORD = Buffer.from(
  "000000000000003608010000016B40D8EA30010000000000000000000000000000000105021503010101425E0F01F10000601A014E0000000000000000010000C7CF",
  "hex",
);
const TWO_RECORDS = Buffer.from(
  "000000000000004308020000016B40D57B480100000000000000000000000000000001010101000000000000016B40D5C198010000000000000000000000000000000101010101000000020000252C",
  "hex",
);
const DATAGRAM = Buffer.from(
  "003DCAFE0105000F33353230393330383634303336353508010000016B4F815B30010000000000000000000000000000000103021503010101425DBC000001",
  "hex",
);

const findDevice = (uid: string) =>
  Promise.resolve([IMEI, "352093086403655"].includes(uid) ? { deviceId: 5, fleetId: 1, uid } : undefined);

afterEach(closeTestGateways);

describe("a Teltonika device", () => {
  it("logs in, pings, and has each packet answered with its record count", async () => {
    const { connect, journal } = await openTestGateway({ findDecoder, findDevice });
    const device = await connect();
    device.send(Buffer.of(0xff), LOGIN);
    await device.receives("01");
    device.send(ONE_RECORD, Buffer.of(0xff), TWO_RECORDS);
    await device.receives("01" + "00000001" + "00000002");
    expect(journal.frames()).toEqual([hex(ONE_RECORD), hex(TWO_RECORDS)]);
  });

  it("gets no answer to a packet with a wrong checksum, and keeps its session", async () => {
    const { connect, journal, metric } = await openTestGateway({ findDecoder, findDevice });
    const device = await connect();
    const wrong = Buffer.from(ONE_RECORD);
    wrong[20]! ^= 1;
    device.send(LOGIN, wrong, TWO_RECORDS);
    await device.receives("01" + "00000002");
    expect(journal.frames()).toEqual([hex(TWO_RECORDS)]);
    expect(await metric("gateway_frames_total", { outcome: "checksum" })).toBe(1);
  });

  it("that is not registered is refused with 00", async () => {
    const { connect } = await openTestGateway({ findDecoder });
    const device = await connect();
    device.send(LOGIN);
    await device.closed();
    expect(device.receivedHex).toBe("00");
  });

  it("has its datagram answered with both packet ids and the count", async () => {
    const listeners = [{ protocol: "teltonika", transport: "udp", port: 0 } as const];
    const { port, journal } = await openTestGateway({ findDecoder, findDevice, listeners });
    const socket = createSocket("udp4");
    const answers: string[] = [];
    socket.on("message", (message) => answers.push(hex(message)));
    socket.send(DATAGRAM, port, "127.0.0.1");
    await until(() => answers.length === 1);
    socket.close();
    expect(answers).toEqual(["0005cafe010501"]);
    expect(journal.frames()).toEqual([hex(DATAGRAM)]);
  });
});
