import { createSocket } from "node:dgram";
import { connectAsync, type MqttClient } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commandReply, command as gt06Command, login as gt06Login } from "#decoders/gt06/index.ts";
import { frameOf, locationPayload, PAYLOAD_KEY_SETTING } from "#decoders/owntracks/index.ts";
import { asciiMessage, commandAnswer, heartbeat } from "#decoders/queclink/index.ts";
import { encodeAddressedCommand, encodeLogin, encodePacket } from "#decoders/teltonika/encode.ts";
import { hex, until } from "../test-gateway.ts";
import { type BenchGateway, type CommandBench, connectTeltonika, openCommandBench } from "./test-bench.ts";

let bench: CommandBench;
let gateway: BenchGateway;

beforeAll(async () => {
  bench = await openCommandBench();
  gateway = await bench.openGateway();
});

afterAll(() => bench?.close());

/** The journalled frame that a command's answer came in. */
async function answerFrame(commandId: string): Promise<string> {
  const { rows } = await bench.database.pool.query(
    "select bytes from frame where seq = (select answer_seq from command where command_id = $1)",
    [commandId],
  );
  return hex(rows[0].bytes);
}

describe("a Teltonika tracker", () => {
  it("answers a Codec 12 command, and the answer is journalled", async () => {
    const deviceId = await bench.register("352093081000001", "teltonika");
    const device = await connectTeltonika(gateway, "352093081000001", () => "Ver:03.27.07");
    const id = await bench.queue(deviceId, "teltonika", "getver");
    expect(await bench.reaches(id, "answered")).toMatchObject({ result: "ok", answer: "Ver:03.27.07", attempts: 1 });
    expect(device.heard).toEqual(["getver"]);
    expect(await answerFrame(id)).toContain(Buffer.from("Ver:03.27.07").toString("hex"));
    expect(await bench.actions(id)).toEqual(["queued", "sending", "sent", "answered"]);
  });

  it("gets commands one after another, never a second before the first is answered", async () => {
    const deviceId = await bench.register("352093081000002", "teltonika");
    const device = await connectTeltonika(gateway, "352093081000002", () => undefined);
    const first = await bench.queue(deviceId, "teltonika", "getver");
    const second = await bench.queue(deviceId, "teltonika", "getinfo");
    await bench.reaches(first, "sent");
    expect((await bench.read(second)).state).toBe("queued");
    expect(device.heard).toEqual(["getver"]);
    device.send(encodePacket({ kind: "command", codec: 0x0c, type: 6, body: Buffer.from("one") }));
    await bench.reaches(second, "sent");
    device.send(encodePacket({ kind: "command", codec: 0x0c, type: 6, body: Buffer.from("two") }));
    expect(await bench.reaches(second, "answered")).toMatchObject({ answer: "two" });
    expect(await bench.read(first)).toMatchObject({ answer: "one" });
  });

  it("that refuses a Codec 14 command of another IMEI makes it fail", async () => {
    const imei = "352093081000003";
    const deviceId = await bench.register(imei, "teltonika", { "command.codec": "unset" });
    const device = await gateway.connect("teltonika");
    device.send(encodeLogin(imei));
    const id = await bench.queue(deviceId, "teltonika", "getver", { options: { codec: 14 } });
    await device.receives(`01${hex(encodeAddressedCommand(imei, "getver"))}`);
    device.send(
      encodePacket({ kind: "command", codec: 0x0e, type: 0x11, imei: "352093081999999", body: new Uint8Array() }),
    );
    expect(await bench.reaches(id, "failed")).toMatchObject({ result: "error", error: "refused: the IMEI is another" });
  });

  it("that answers in words that it cannot makes the command fail with them", async () => {
    const deviceId = await bench.register("352093081000004", "teltonika");
    await connectTeltonika(gateway, "352093081000004", () => "Fail Bad syntax");
    const id = await bench.queue(deviceId, "teltonika", "readio");
    expect(await bench.reaches(id, "failed")).toMatchObject({ result: "error", answer: "Fail Bad syntax" });
  });
});

describe("a Queclink tracker", () => {
  const tracker = (imei: string) => ({ imei, version: "060228", name: "GV300" });
  const serialOf = (text: string) => Number.parseInt(/,([0-9A-F]{4})\$$/.exec(text)?.[1] ?? "", 16);

  async function connect(imei: string, answer: (serial: number) => Uint8Array): Promise<string[]> {
    const heard: string[] = [];
    const device = await gateway.connect("queclink");
    device.socket.on("data", (chunk) => {
      const text = /AT\+[^$]*\$/.exec(chunk.toString("latin1"))?.[0];
      if (text === undefined) return;
      heard.push(text);
      device.send(answer(serialOf(text)));
    });
    device.send(heartbeat(tracker(imei), Date.now(), 1));
    await until(() => device.receivedHex.length > 0);
    return heard;
  }

  it("answers with the serial number that it was given", async () => {
    const imei = "862170010000001";
    const deviceId = await bench.register(imei, "queclink");
    const heard = await connect(imei, (serial) => commandAnswer(tracker(imei), "GTRTO", serial, Date.now(), 2));
    const id = await bench.queue(deviceId, "queclink", "AT+GTRTO=gv300,1,,,,,,FFFF$");
    const serial = Number(id).toString(16).toUpperCase().padStart(4, "0");
    const done = await bench.reaches(id, "answered");
    expect(heard).toEqual([`AT+GTRTO=gv300,1,,,,,,${serial}$`]);
    expect(done).toMatchObject({ result: "ok", answer: `+ACK:GTRTO,${serial}` });
  });

  it("that sends datagrams gets its command when it is heard, and answers by a datagram", async () => {
    const imei = "862170010000009";
    const deviceId = await bench.register(imei, "queclink");
    const id = await bench.queue(deviceId, "queclink", "AT+GTRTO=gv300,1,,,,,,FFFF$");
    const socket = createSocket("udp4");
    const heard: string[] = [];
    socket.on("message", (bytes) => {
      const text = /AT\+[^$]*\$/.exec(bytes.toString("latin1"))?.[0];
      if (text === undefined) return;
      heard.push(text);
      socket.send(commandAnswer(tracker(imei), "GTRTO", serialOf(text), Date.now(), 2), port, "127.0.0.1");
    });
    const port = gateway.portOf("queclink", "udp");
    const say = () => socket.send(heartbeat(tracker(imei), Date.now(), 1), port, "127.0.0.1");
    await until(async () => {
      say();
      return (await bench.read(id)).state !== "queued";
    });
    const done = await bench.reaches(id, "answered");
    socket.close();
    const serial = Number(id).toString(16).toUpperCase().padStart(4, "0");
    expect(heard).toEqual([`AT+GTRTO=gv300,1,,,,,,${serial}$`]);
    expect(done).toMatchObject({ result: "ok", answer: `+ACK:GTRTO,${serial}`, attempts: 1 });
  });

  it("answers that do not bear the serial number are another command's", async () => {
    const imei = "862170010000002";
    const deviceId = await bench.register(imei, "queclink");
    await connect(imei, (serial) => {
      const other = commandAnswer(tracker(imei), "GTRTO", serial + 1, Date.now(), 2);
      const kind = commandAnswer(tracker(imei), "GTFRI", serial, Date.now(), 3);
      return Buffer.concat([other, kind]);
    });
    const id = await bench.queue(deviceId, "queclink", "AT+GTRTO=gv300,1,,,,,,FFFF$");
    await bench.reaches(id, "sent");
    const stored = "select from frame where device_id = $1 and kind = 'frame'";
    await until(async () => (await bench.database.pool.query(stored, [deviceId])).rowCount === 2);
    expect((await bench.read(id)).state).toBe("sent");
  });

  it("that says +NACK makes the command fail with its cause", async () => {
    const imei = "862170010000003";
    const deviceId = await bench.register(imei, "queclink");
    const serialText = (serial: number) => serial.toString(16).toUpperCase().padStart(4, "0");
    await connect(imei, (serial) =>
      asciiMessage("NACK", "GTRTO", ["060228", imei, "GV300", "0", serialText(serial)], Date.now(), 2),
    );
    const id = await bench.queue(deviceId, "queclink", "AT+GTRTO=wrong,1,,,,,,FFFF$");
    const failed = await bench.reaches(id, "failed");
    expect(failed).toMatchObject({ result: "error", error: `+NACK:GTRTO,0,${serialText(Number(id))}` });
  });
});

describe("a GT06 tracker", () => {
  async function connect(imei: string, answer: (flag: number) => Uint8Array): Promise<string[]> {
    const heard: string[] = [];
    const device = await gateway.connect("gt06");
    device.socket.on("data", (chunk) => {
      const at = chunk.indexOf("7878", 0, "hex");
      if (chunk[at + 3] !== 0x80) return;
      heard.push(hex(chunk.subarray(at)));
      device.send(answer(chunk.readUInt32BE(at + 5)));
    });
    device.send(gt06Login(imei, 1));
    await until(() => device.receivedHex.length > 0);
    return heard;
  }

  it("answers with the flag that it was given", async () => {
    const deviceId = await bench.register("868120000000001", "gt06");
    const heard = await connect("868120000000001", (flag) => commandReply("GPS:Searching;GSM:4", flag, 2));
    const id = await bench.queue(deviceId, "gt06", "STATUS");
    const done = await bench.reaches(id, "answered");
    expect(heard).toEqual([hex(gt06Command("STATUS#", Number(id), Number(id)))]);
    expect(done).toMatchObject({ result: "ok", answer: "GPS:Searching;GSM:4" });
  });

  it("that says that it cannot makes the command fail", async () => {
    const deviceId = await bench.register("868120000000002", "gt06");
    await bench.observe(deviceId, { speedMps: 0, ageS: 5 });
    await connect("868120000000002", (flag) => commandReply("DYD=Unvalued Fix", flag, 2));
    const condition = { speedMaxMps: 0.5, fixAgeMaxS: 60 };
    const id = await bench.queue(deviceId, "gt06", "DYD,000000#", { class: "immobiliser", condition });
    expect(await bench.reaches(id, "failed")).toMatchObject({ result: "error", answer: "DYD=Unvalued Fix" });
  });
});

describe("a phone with OwnTracks", () => {
  const clients: MqttClient[] = [];

  afterAll(() => {
    for (const client of clients) client.end(true);
  });

  /** A phone that is subscribed to its commands and answers each with publishes. */
  async function connectPhone(uid: string, answers: (payload: object) => Uint8Array[]): Promise<object[]> {
    const heard: object[] = [];
    const [user = "", device = ""] = uid.split("/");
    const client = await connectAsync(`mqtt://127.0.0.1:${gateway.portOf("owntracks")}`, {
      username: user,
      password: "right",
      clientId: `${user} ${device}`,
    });
    clients.push(client);
    client.on("message", (topic, payload) => {
      if (topic !== `owntracks/${uid}/cmd`) return;
      const command = JSON.parse(payload.toString());
      heard.push(command);
      for (const answer of answers(command)) client.publish(`owntracks/${uid}`, Buffer.from(answer), { qos: 1 });
    });
    await client.subscribeAsync(`owntracks/${uid}/cmd`, { qos: 1 });
    return heard;
  }

  const password = { "auth.passwordHash": "right" };
  const location = { latDeg: 41.15, lonDeg: -8.61, timeMs: 1_790_000_000_000, trackerId: "px" };

  it("asked where it is answers with a location that was asked for, not with any other", async () => {
    const deviceId = await bench.register("ada/pixel", "owntracks", password);
    const requested = locationPayload({ ...location, trigger: "r" });
    const heard = await connectPhone("ada/pixel", () => [
      locationPayload({ ...location, latDeg: 1, trigger: "t" }),
      requested,
    ]);
    const id = await bench.queue(deviceId, "owntracks", "reportLocation");
    const done = await bench.reaches(id, "answered");
    expect(heard).toEqual([{ _type: "cmd", action: "reportLocation" }]);
    expect(JSON.parse(done.answer ?? "")).toEqual({ time: "2026-09-21T14:13:20.000Z", lat: 41.15, lon: -8.61 });
    expect(await answerFrame(id)).toBe(hex(frameOf("owntracks/ada/pixel", requested)));
  });

  it("that is away gets its command when it subscribes", async () => {
    const deviceId = await bench.register("ada/watch", "owntracks", password);
    const id = await bench.queue(deviceId, "owntracks", "status");
    await connectPhone("ada/watch", () => [Buffer.from('{"_type":"status","android":{"wifi":1}}')]);
    expect(await bench.reaches(id, "answered")).toMatchObject({ result: "ok", attempts: 1 });
  });

  it("with a payload key gets its commands sealed", async () => {
    const settings = { ...password, [PAYLOAD_KEY_SETTING]: "secret" };
    const deviceId = await bench.register("ada/sealed", "owntracks", settings);
    const heard = await connectPhone("ada/sealed", () => []);
    const id = await bench.queue(deviceId, "owntracks", "reportLocation");
    await bench.reaches(id, "sent");
    await until(() => heard.length === 1);
    expect(heard[0]).toEqual({ _type: "encrypted", data: expect.any(String) });
  });

  it("told to set something is not waited for", async () => {
    const deviceId = await bench.register("ada/tablet", "owntracks", password);
    const heard = await connectPhone("ada/tablet", () => []);
    const text = JSON.stringify({ action: "setConfiguration", configuration: { monitoring: 2 } });
    const id = await bench.queue(deviceId, "owntracks", text);
    const next = await bench.queue(deviceId, "owntracks", "clearWaypoints");
    expect(await bench.reaches(next, "sent")).toMatchObject({ result: null });
    expect(await bench.read(id)).toMatchObject({ state: "sent", result: null });
    await until(() => heard.length === 2);
    expect(heard).toEqual([
      { _type: "cmd", action: "setConfiguration", configuration: { monitoring: 2 } },
      { _type: "cmd", action: "clearWaypoints" },
    ]);
  });
});
