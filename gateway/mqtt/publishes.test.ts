import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { JournalClosedError, JournalFullError } from "#store/journal-errors.ts";
import { closeTestGateways, FakeJournal, pause, until } from "../test-gateway.ts";
import {
  closePhones,
  connectBytes,
  framed,
  location,
  loggedIn,
  openPhoneGateway,
  packetBytes,
  puback,
  publishBytes,
  TOPIC,
} from "./test-phones.ts";

afterEach(async () => {
  closePhones();
  await closeTestGateways();
});

describe("a publish", () => {
  it("is acknowledged only when its frame is committed, and kept as topic and payload", async () => {
    const { raw, journal } = await openPhoneGateway();
    const phone = await loggedIn(await raw());
    journal.hold();
    phone.send(publishBytes({ payload: location(1), messageId: 7 }));
    await until(() => journal.pendingFrames > 0);
    await pause();
    expect(phone.receivedHex).toBe("");
    journal.release();
    await phone.receives(puback(7));
    expect(journal.frames()).toEqual([framed(location(1))]);
    expect(journal.committed.find((frame) => frame.kind === "frame")).toMatchObject({
      protocol: "owntracks",
      transport: "mqtt",
      remoteAddress: "127.0.0.1",
    });
  });

  it("of QoS 2 gets its PUBREC only when its frame is committed", async () => {
    const { raw, journal } = await openPhoneGateway();
    const phone = await loggedIn(await raw());
    journal.hold();
    phone.send(publishBytes({ qos: 2, messageId: 3 }));
    await until(() => journal.pendingFrames > 0);
    await pause();
    expect(phone.receivedHex).toBe("");
    journal.release();
    await phone.receives("50020003");
    phone.send(packetBytes(0x62, Buffer.of(0, 3)));
    await phone.receives("5002000370020003");
  });

  it("of QoS 0 is kept as well", async () => {
    const { phone, journal } = await openPhoneGateway();
    await (await phone()).publishAsync(TOPIC, location(1), { qos: 0 });
    await until(() => journal.frames().length === 1);
  });

  it("is answered in the order of arrival, whatever order the journal commits in", async () => {
    const commits: (() => void)[] = [];
    const journal = new FakeJournal();
    const append = journal.append.bind(journal);
    journal.append = (frame) =>
      frame.kind === "frame" ? new Promise((resolve) => commits.push(() => resolve(append(frame)))) : append(frame);
    const { raw } = await openPhoneGateway({ journal });
    const phone = await loggedIn(await raw());
    phone.send(publishBytes({ messageId: 1 }), publishBytes({ messageId: 2 }), publishBytes({ messageId: 3 }));
    await until(() => commits.length === 3);
    commits[2]!();
    commits[1]!();
    await pause();
    expect(phone.receivedHex).toBe("");
    commits[0]!();
    await phone.receives(puback(1) + puback(2) + puback(3));
  });

  it("waits while the journal is full, before those that came after it", async () => {
    const journal = new FakeJournal();
    const offer = journal.offer.bind(journal);
    let refusals = 2;
    journal.offer = (frame, receipt) => {
      if (frame.kind !== "frame" || refusals === 0) return offer(frame, receipt);
      refusals -= 1;
      return new JournalFullError("full");
    };
    const { raw } = await openPhoneGateway({ journal });
    const phone = await loggedIn(await raw());
    phone.send(publishBytes({ messageId: 1, payload: location(1) }));
    await until(() => refusals < 2);
    phone.send(publishBytes({ messageId: 2, payload: location(2) }));
    await phone.receives(puback(1) + puback(2));
    expect(journal.frames()).toEqual([framed(location(1)), framed(location(2))]);
  });

  it("that the journal fails on ends the connection unanswered", async () => {
    const { raw, journal } = await openPhoneGateway();
    const phone = await loggedIn(await raw());
    journal.failWith = new Error("broken");
    phone.send(publishBytes({ messageId: 1 }));
    await phone.closed();
    expect(phone.receivedHex).toBe("");
  });

  it("that a closed journal refuses ends the connection unanswered, the first and later ones", async () => {
    for (const isFirst of [true, false]) {
      const { raw, journal } = await openPhoneGateway();
      const phone = await loggedIn(await raw());
      if (!isFirst) phone.send(publishBytes({ messageId: 1 }));
      if (!isFirst) await phone.receives(puback(1));
      phone.receivedHex = "";
      journal.offer = () => new JournalClosedError("closed");
      phone.send(publishBytes({ messageId: 2 }));
      await phone.closed();
      expect(phone.receivedHex).toBe("");
    }
  });

  it("beyond those that may be in flight stays in the socket until there is room", async () => {
    const { raw, journal } = await openPhoneGateway();
    const phone = await loggedIn(await raw());
    journal.hold();
    const count = 500;
    phone.send(...Array.from({ length: count }, (_, index) => publishBytes({ messageId: index + 1 })));
    await until(() => journal.pendingFrames >= 64);
    await pause();
    expect(journal.pendingFrames).toBe(64);
    journal.release();
    await phone.receives(Array.from({ length: count }, (_, index) => puback(index + 1)).join(""));
    expect(journal.frames()).toHaveLength(count);
  });

  it("with an empty payload clears a retained message: acknowledged, not kept", async () => {
    const { raw, journal } = await openPhoneGateway();
    const phone = await loggedIn(await raw());
    phone.send(publishBytes({ payload: "", messageId: 4 }));
    await phone.receives(puback(4));
    expect(journal.frames()).toEqual([]);
  });

  it("that is no JSON is kept all the same: the stream says what is wrong with it", async () => {
    const { raw, journal } = await openPhoneGateway();
    const phone = await loggedIn(await raw());
    phone.send(publishBytes({ payload: "hello", messageId: 4 }));
    await phone.receives(puback(4));
    expect(journal.frames()).toEqual([framed("hello")]);
  });

  it("under the usual topic is held back as the first one is, also behind what the broker takes", async () => {
    const { raw, journal } = await openPhoneGateway();
    const phone = await loggedIn(await raw());
    phone.send(publishBytes({ messageId: 1 }));
    await phone.receives(puback(1));
    phone.receivedHex = "";
    journal.hold();
    const packets = [
      publishBytes({ messageId: 2, payload: location(2) }),
      publishBytes({ messageId: 3, payload: location(3), topic: `${TOPIC}/event` }),
      publishBytes({ messageId: 4, payload: location(4), topic: `${TOPIC}/event` }),
      publishBytes({ messageId: 5, payload: location(5), qos: 2 }),
      publishBytes({ messageId: 6, payload: location(6) }),
      packetBytes(0xc0, Buffer.alloc(0)),
    ];
    phone.send(Buffer.concat(packets));
    await until(() => journal.pendingFrames === 5);
    await phone.receives("d000");
    journal.release();
    // PUBRECs have an order of their own: the broker notes the packet before it answers.
    await phone.receives(`d000${puback(2)}${puback(3)}${puback(4)}${puback(6)}50020005`);
    expect(journal.frames()).toEqual([
      framed("{}"),
      framed(location(2)),
      framed(location(3), `${TOPIC}/event`),
      framed(location(4), `${TOPIC}/event`),
      framed(location(5)),
      framed(location(6)),
    ]);
  });

  it("arrives whole however it is cut, behind others and before others", async () => {
    const { raw, journal } = await openPhoneGateway();
    const phone = await loggedIn(await raw());
    const count = 40;
    const bytes = Buffer.concat(Array.from({ length: count }, (_, index) => publishBytes({ messageId: index + 1 })));
    for (let at = 0, step = 1; at < bytes.length; at += step, step = (step * 7) % 101) {
      phone.send(bytes.subarray(at, at + step));
      await sleep(1);
    }
    await phone.receives(Array.from({ length: count }, (_, index) => puback(index + 1)).join(""));
    expect(journal.frames()).toHaveLength(count);
  });

  it("arrives whole when every byte comes by itself", async () => {
    const { raw } = await openPhoneGateway();
    const phone = await raw();
    for (const byte of [...connectBytes(), ...publishBytes({ payload: location(5), messageId: 5 })]) {
      phone.send(Buffer.of(byte));
      await sleep(1);
    }
    await phone.receives(`20020000${puback(5)}`);
  });
});
