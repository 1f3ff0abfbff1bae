import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findDecoder } from "#decoders";
import { commandReply, command as gt06Command, login as gt06Login } from "#decoders/gt06/index.ts";
import { frameOf, locationFrame, locationPayload } from "#decoders/owntracks/index.ts";
import { asciiMessage, commandAnswer, heartbeat } from "#decoders/queclink/encode.ts";
import { encodeAddressedCommand, encodeLogin, encodePacket } from "#decoders/teltonika/encode.ts";
import { hex, until } from "../test-gateway.ts";
import { COMMAND_OUTCOMES, type CommandLink, Commands, type CommandTally } from "./delivery.ts";
import { type BenchGateway, type CommandBench, connectTeltonika, openCommandBench, TIMES } from "./test-bench.ts";

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
  const topic = "owntracks/ada/pixel";

  /** Commands as the MQTT listener has them: a link for each subscribed phone, and what was journalled. */
  async function connectPhone(
    deviceId: number,
    onPayload: (payload: object, say: (frame: Uint8Array) => void) => void,
  ) {
    const commands = new Commands({
      store: await bench.newStore(),
      times: TIMES,
      findDecoder,
      findLink: () => undefined,
      tally: Object.fromEntries(COMMAND_OUTCOMES.map((name) => [name, 0])) as CommandTally,
      monotonicMs: () => performance.now(),
      onError: (error) => {
        throw error;
      },
    });
    const say = async (bytes: Uint8Array) => {
      const frame = { transport: "mqtt", receivedAtMs: Date.now(), bytes } as const;
      const about = { deviceId, kind: "frame", protocol: "owntracks", remoteAddress: null } as const;
      const seq = await bench.journal.append({ ...about, ...frame });
      commands.committed(deviceId, { ...frame, seq });
    };
    const link: CommandLink = {
      protocol: "owntracks",
      sendCommand: (bytes) => {
        onPayload(JSON.parse(Buffer.from(bytes).toString()), (frame) => void say(frame));
        return true;
      },
    };
    commands.attach(deviceId, link);
    return commands;
  }

  it("asked where it is answers with a location that was asked for, not with any other", async () => {
    const deviceId = await bench.register("ada/pixel", "owntracks");
    const heard: object[] = [];
    const location = { latDeg: 41.15, lonDeg: -8.61, timeMs: 1_790_000_000_000, trackerId: "px" };
    const commands = await connectPhone(deviceId, (payload, say) => {
      heard.push(payload);
      say(locationFrame(topic, { ...location, latDeg: 1, trigger: "t" }));
      say(locationFrame(topic, { ...location, trigger: "r" }));
    });
    const id = await bench.queue(deviceId, "owntracks", "reportLocation");
    commands.connected(deviceId);
    const done = await bench.reaches(id, "answered");
    expect(heard).toEqual([{ _type: "cmd", action: "reportLocation" }]);
    expect(JSON.parse(done.answer ?? "")).toEqual({ time: "2026-09-21T14:13:20.000Z", lat: 41.15, lon: -8.61 });
    expect(await answerFrame(id)).toBe(hex(frameOf(topic, locationPayload({ ...location, trigger: "r" }))));
    await commands.close();
  });

  it("told to set something is not waited for", async () => {
    const deviceId = await bench.register("ada/tablet", "owntracks");
    const heard: object[] = [];
    const commands = await connectPhone(deviceId, (payload) => heard.push(payload));
    const text = JSON.stringify({ action: "setConfiguration", configuration: { monitoring: 2 } });
    const id = await bench.queue(deviceId, "owntracks", text);
    const next = await bench.queue(deviceId, "owntracks", "clearWaypoints");
    commands.connected(deviceId);
    expect(await bench.reaches(next, "sent")).toMatchObject({ result: null });
    expect(await bench.read(id)).toMatchObject({ state: "sent", result: null });
    expect(heard).toEqual([
      { _type: "cmd", action: "setConfiguration", configuration: { monitoring: 2 } },
      { _type: "cmd", action: "clearWaypoints" },
    ]);
    await commands.close();
  });
});
