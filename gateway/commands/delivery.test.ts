import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { encodePacket } from "#decoders/teltonika/encode.ts";
import type { CommandStore } from "#store/command-delivery.ts";
import { cancelCommand } from "#store/commands.ts";
import { pause, until } from "../test-gateway.ts";
import { type CommandBench, codec12Answer, connectTeltonika, openCommandBench, TIMES } from "./test-bench.ts";

const ZERO_SPEED = { speedMaxMps: 0.5, fixAgeMaxS: 60 };

let bench: CommandBench;
let imei: string;
let deviceId: number;
let devices = 0;

beforeAll(async () => {
  bench = await openCommandBench();
});

beforeEach(async () => {
  imei = `3520930810${String(++devices).padStart(5, "0")}`;
  deviceId = await bench.register(imei, "teltonika");
});

afterEach(() => bench.closeGateways());

afterAll(() => bench?.close());

describe("a command", () => {
  it("to a device that is away is delivered when it connects", async () => {
    const gateway = await bench.openGateway();
    const id = await bench.queue(deviceId, "teltonika", "getver");
    await pause();
    expect((await bench.read(id)).state).toBe("queued");
    await connectTeltonika(gateway, imei, () => "here");
    expect(await bench.reaches(id, "answered")).toMatchObject({ answer: "here", attempts: 1 });
  });

  describe("that comes while a frame is being committed", () => {
    const at = { timeMs: 1_790_000_000_000, longitudeE7: 0, latitudeE7: 0, altitudeM: 0, headingDeg: 0, speedKmh: 0 };
    const elements = [{ id: 239, bytes: Uint8Array.of(1) }];
    const record = { ...at, priority: 0, satellites: 0, eventId: 0, elements };
    const packet = encodePacket({ kind: "records", codec: 0x08, records: [record] });

    async function sendWhileBusy(skew: { ms: number }) {
      const { promise: released, resolve: release } = Promise.withResolvers<void>();
      const { promise: isInHand, resolve: inHand } = Promise.withResolvers<void>();
      const gateway = await bench.openGateway({ holdFrames: { released, inHand }, skew });
      const device = await connectTeltonika(gateway, imei, () => "done");
      device.receivedHex = "";
      device.send(packet);
      await isInHand;
      const id = await bench.queue(deviceId, "teltonika", "getver");
      await bench.reaches(id, "sending");
      await pause();
      expect(device.receivedHex).toBe("");
      return { id, device, release };
    }

    it("is written after the frame's answer", async () => {
      const { id, device, release } = await sendWhileBusy({ ms: 0 });
      release();
      expect(await bench.reaches(id, "answered")).toMatchObject({ attempts: 1 });
      expect(device.receivedHex.startsWith("00000001" + "00000000")).toBe(true);
    });

    it("is decided on anew where that took long", async () => {
      const skew = { ms: 0 };
      const { id, device, release } = await sendWhileBusy(skew);
      skew.ms = 5_000;
      release();
      expect(await bench.reaches(id, "answered")).toMatchObject({ attempts: 1 });
      expect(device.heard).toEqual(["getver"]);
      expect(await bench.actions(id)).toEqual(["queued", "sending", "queued", "sending", "sent", "answered"]);
    });
  });

  it("that nobody could deliver in its time expires, and is never sent", async () => {
    const gateway = await bench.openGateway();
    const id = await bench.queue(deviceId, "teltonika", "getver", { ttlS: 0.05 });
    const expired = await bench.reaches(id, "expired");
    expect(expired.attempts).toBe(0);
    expect(await bench.actions(id)).toEqual(["queued", "expired"]);
    const device = await connectTeltonika(gateway, imei, () => "too late");
    await pause();
    expect(device.heard).toEqual([]);
  });

  it("that is taken back is never sent", async () => {
    const gateway = await bench.openGateway();
    const id = await bench.queue(deviceId, "teltonika", "getver");
    expect(await cancelCommand(bench.database, null, id, null)).toBe(true);
    const device = await connectTeltonika(gateway, imei, () => "?");
    await pause();
    expect(device.heard).toEqual([]);
    expect(await bench.actions(id)).toEqual(["queued", "cancelled"]);
    expect(await cancelCommand(bench.database, null, id, null)).toBe(false);
  });

  it("that is never answered is sent as often as it may, then fails", async () => {
    const gateway = await bench.openGateway({ times: { answerTimeoutMs: 60, lateAnswerMs: 20 } });
    const device = await connectTeltonika(gateway, imei, () => undefined);
    const id = await bench.queue(deviceId, "teltonika", "getver", { attemptsMax: 2 });
    const failed = await bench.reaches(id, "failed");
    expect(failed).toMatchObject({ attempts: 2, error: "no answer within 0.06 s", result: null });
    expect(device.heard).toEqual(["getver", "getver"]);
    expect(await bench.actions(id)).toEqual(["queued", "sending", "sent", "queued", "sending", "sent", "failed"]);
  });

  it("is not answered by the late answer to the one before", async () => {
    const skew = { ms: 0 };
    const gateway = await bench.openGateway({ times: { lateAnswerMs: 60_000 }, skew });
    const device = await connectTeltonika(gateway, imei, (text) => (text === "getinfo" ? "second" : undefined));
    const first = await bench.queue(deviceId, "teltonika", "getver", { attemptsMax: 1 });
    const second = await bench.queue(deviceId, "teltonika", "getinfo");
    await bench.reaches(first, "sent");
    skew.ms += TIMES.answerTimeoutMs;
    await bench.reaches(first, "failed");
    expect(device.heard).toEqual(["getver"]);
    device.send(codec12Answer("first, late"));
    expect(await bench.reaches(second, "answered")).toMatchObject({ answer: "second" });
    expect((await bench.read(first)).answer).toBeNull();
  });

  it("whose connection is lost is sent again on the next one", async () => {
    const gateway = await bench.openGateway();
    const lost = await connectTeltonika(gateway, imei, () => undefined);
    const id = await bench.queue(deviceId, "teltonika", "getver");
    await bench.reaches(id, "sent");
    lost.socket.destroy();
    await bench.reaches(id, "queued");
    await connectTeltonika(gateway, imei, () => "again");
    expect(await bench.reaches(id, "answered")).toMatchObject({ answer: "again", attempts: 2 });
  });

  it("of another protocol than the device speaks fails", async () => {
    const gateway = await bench.openGateway();
    await connectTeltonika(gateway, imei, () => "?");
    const id = await bench.queue(deviceId, "gt06", "STATUS#");
    expect((await bench.reaches(id, "failed")).error).toBe("the device speaks teltonika, the command gt06");
  });
});

describe("a condition", () => {
  it("that the newest fix speaks against refuses the command with what was observed", async () => {
    await bench.observe(deviceId, { speedMps: 13.9, ageS: 5 });
    const gateway = await bench.openGateway();
    const device = await connectTeltonika(gateway, imei, () => "?");
    const id = await bench.queue(deviceId, "teltonika", "getver", { condition: ZERO_SPEED });
    const refused = await bench.reaches(id, "refused");
    expect(refused.error).toBe("last seen at 13.9 m/s, above 0.5 m/s");
    expect(refused.observed?.speedMps).toBeCloseTo(13.9);
    expect(device.heard).toEqual([]);
    expect(await bench.actions(id)).toEqual(["queued", "refused"]);
  });

  it("that no fresh fix speaks for waits for one, and holds when it comes", async () => {
    await bench.observe(deviceId, { speedMps: 0, ageS: 3_000 });
    const gateway = await bench.openGateway({ times: { evidencePatienceMs: 30_000 } });
    const device = await connectTeltonika(gateway, imei, () => "DOUT1:1");
    const id = await bench.queue(deviceId, "teltonika", "setdigout 1", { class: "immobiliser", condition: ZERO_SPEED });
    await pause(100);
    expect([(await bench.read(id)).state, device.heard]).toEqual(["queued", []]);
    await bench.observe(deviceId, { speedMps: 0.1, ageS: 2 });
    expect(await bench.reaches(id, "answered")).toMatchObject({ answer: "DOUT1:1" });
  });

  it("that no fix ever speaks for refuses the command in the end", async () => {
    const gateway = await bench.openGateway({ times: { evidencePatienceMs: 50 } });
    await connectTeltonika(gateway, imei, () => "?");
    const id = await bench.queue(deviceId, "teltonika", "getver", { condition: { fixAgeMaxS: 60 } });
    expect((await bench.reaches(id, "refused")).error).toBe("the device has had no position yet");
  });

  it("of an immobiliser is zero speed even where the row asks for less", async () => {
    await bench.observe(deviceId, { speedMps: 20, ageS: 1 });
    const gateway = await bench.openGateway();
    await connectTeltonika(gateway, imei, () => "?");
    const condition = { speedMaxMps: 100, fixAgeMaxS: 100_000 };
    const id = await bench.queue(deviceId, "teltonika", "setdigout 1", { class: "immobiliser", condition });
    await bench.reaches(id, "refused");
    const without = bench.queue(deviceId, "teltonika", "setdigout 1", { class: "immobiliser", condition: null });
    await expect(without).rejects.toThrow("check constraint");
  });
});

/** A store that a killed gateway had: from the moment of its death nothing reaches the table. */
function mortal(store: CommandStore): { store: CommandStore; kill: () => void } {
  let isDead = false;
  const guard =
    <Arguments extends unknown[], Result>(work: (...given: Arguments) => Promise<Result>) =>
    (...given: Arguments) =>
      isDead ? new Promise<Result>(() => undefined) : work(...given);
  return {
    kill: () => {
      isDead = true;
    },
    store: {
      next: guard(store.next),
      claim: guard(store.claim),
      noteSent: guard(store.noteSent),
      settle: guard(store.settle),
      release: guard(store.release),
      endWaiting: guard(store.endWaiting),
      sweep: guard(store.sweep),
      framesSinceClaim: guard(store.framesSinceClaim),
      onWaiting: store.onWaiting,
    },
  };
}

describe("a gateway that ends", () => {
  it("in order gives its command in flight back, and the next one sends it again", async () => {
    const gateway = await bench.openGateway();
    await connectTeltonika(gateway, imei, () => undefined);
    const id = await bench.queue(deviceId, "teltonika", "getver");
    await bench.reaches(id, "sent");
    await gateway.drain();
    expect(await bench.read(id)).toMatchObject({ state: "queued", attempts: 1 });
    await connectTeltonika(await bench.openGateway({ store: await bench.newStore() }), imei, () => "after");
    expect(await bench.reaches(id, "answered")).toMatchObject({ answer: "after", attempts: 2 });
  });

  it("by a crash leaves a command that is sent again when the device is back, once attempts are left", async () => {
    const { store, kill } = mortal(bench.store);
    const gateway = await bench.openGateway({ store });
    await connectTeltonika(gateway, imei, () => undefined);
    const last = await bench.queue(deviceId, "teltonika", "getver", { attemptsMax: 1 });
    await bench.reaches(last, "sent");
    kill();
    const next = await bench.queue(deviceId, "teltonika", "getinfo");
    await connectTeltonika(await bench.openGateway({ store: await bench.newStore() }), imei, (text) => `to ${text}`);
    expect((await bench.reaches(last, "failed")).error).toBe("its gateway ended before an answer came");
    expect(await bench.reaches(next, "answered")).toMatchObject({ answer: "to getinfo" });
  });

  it("by a crash after the answer was journalled leaves an answered command, not one to repeat", async () => {
    const { store, kill } = mortal(bench.store);
    const gateway = await bench.openGateway({ store });
    const device = await connectTeltonika(gateway, imei, () => undefined);
    const id = await bench.queue(deviceId, "teltonika", "cpureset");
    await bench.reaches(id, "sent");
    kill();
    device.send(codec12Answer("resetting"));
    const frames = "select from frame where device_id = $1 and kind = 'frame'";
    await until(async () => (await bench.database.pool.query(frames, [deviceId])).rowCount === 1);
    const again = await connectTeltonika(await bench.openGateway({ store: await bench.newStore() }), imei, () => "?");
    expect(await bench.reaches(id, "answered")).toMatchObject({ answer: "resetting", attempts: 1 });
    expect(again.heard).toEqual([]);
  });

  it("for good leaves a command that others take over when its lease is up", async () => {
    const { store, kill } = mortal(bench.store);
    const gateway = await bench.openGateway({ store });
    await connectTeltonika(gateway, imei, () => undefined);
    const id = await bench.queue(deviceId, "teltonika", "getver");
    await bench.reaches(id, "sent");
    kill();
    await bench.database.pool.query(
      "update command set lease_until = now() - interval '1 second' where command_id = $1",
      [id],
    );
    await bench.openGateway({ store: await bench.newStore() });
    expect(await bench.reaches(id, "queued")).toMatchObject({ attempts: 1 });
  });
});

describe("two gateways", () => {
  it("that both have a connection of the device send each command once between them", async () => {
    const [one, other] = [await bench.openGateway(), await bench.openGateway({ store: await bench.newStore() })];
    const devices = [
      await connectTeltonika(one, imei, (text) => `one ${text}`),
      await connectTeltonika(other, imei, (text) => `other ${text}`),
    ];
    const texts = Array.from({ length: 12 }, (_, index) => `readio ${index}`);
    const ids = await Promise.all(texts.map((text) => bench.queue(deviceId, "teltonika", text)));
    for (const id of ids) expect((await bench.reaches(id, "answered")).attempts).toBe(1);
    const heard = devices.flatMap((device) => device.heard);
    expect(heard.toSorted()).toEqual(texts.toSorted());
  });

  it("never have two commands of one device in flight: the table refuses it", async () => {
    const first = await bench.queue(deviceId, "teltonika", "getver");
    const second = await bench.queue(deviceId, "teltonika", "getinfo");
    const claim = (commandId: string, holder: string) => bench.store.claim({ commandId, holder, leaseMs: 10_000 });
    const claims = await Promise.all([claim(first, "one"), claim(second, "other"), claim(first, "other")]);
    expect(claims.filter((isOurs) => isOurs)).toHaveLength(1);
  });

  it("write nothing for an attempt that is not theirs any more", async () => {
    const id = await bench.queue(deviceId, "teltonika", "getver");
    await bench.store.claim({ commandId: id, holder: "one", leaseMs: 10_000 });
    const attempt = { commandId: id, holder: "one", attempt: 1 };
    await bench.store.release(attempt, "lost");
    await bench.store.claim({ commandId: id, holder: "other", leaseMs: 10_000 });
    expect(await bench.store.settle(attempt, { result: "ok", answer: "late", frameSeq: 1 })).toBe(false);
    expect(await bench.read(id)).toMatchObject({ state: "sending", attempts: 2, answer: null });
  });
});

it("the audit cannot be changed or thrown away", async () => {
  const id = await bench.queue(deviceId, "teltonika", "getver");
  const { pool } = bench.database;
  for (const change of ["update command_audit set who = 'me'", "delete from command_audit", "truncate command_audit"]) {
    await expect(pool.query(change)).rejects.toThrow("append-only");
  }
  expect(await bench.actions(id)).toEqual(["queued"]);
});
