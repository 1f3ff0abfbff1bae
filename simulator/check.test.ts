import { describe, expect, it } from "vitest";
import { checkLedger, type FixSource, type StoredFix } from "./check.ts";
import { createLedger } from "./ledger.ts";

const RUN = 77;
const START_MS = Date.UTC(2026, 0, 1);

/** Ten records of one device, those of even number acknowledged. */
function ledgerOfTen() {
  const ledger = createLedger(RUN);
  const device = ledger.open("a");
  for (let index = 0; index < 10; index++) {
    const marker = device.add(START_MS + index * 1_000);
    if (marker % 2 === 0) device.acknowledge(marker);
  }
  return ledger;
}

function fix(marker: number, run = RUN, timeMs = START_MS + marker * 1_000): StoredFix {
  return { timeMs, attributes: { run, marker } };
}

function check(fixes: readonly StoredFix[], pageFixes = 3) {
  const source: FixSource = async function* () {
    for (let at = 0; at < fixes.length; at += pageFixes) yield fixes.slice(at, at + pageFixes);
  };
  const readMarker = (attributes: StoredFix["attributes"], run: number) =>
    attributes.run === run && typeof attributes.marker === "number" ? attributes.marker : undefined;
  return checkLedger(ledgerOfTen(), () => ({ protocol: "gt06", readMarker }), source);
}

const EVEN = [0, 2, 4, 6, 8];

describe("checking the store against the ledger", () => {
  it("is content when each acknowledged record is stored once", async () => {
    expect(await check(EVEN.map((marker) => fix(marker)))).toMatchObject({ ok: true, acknowledged: 5, stored: 5 });
  });

  it("accepts records that are stored without their acknowledgement having arrived", async () => {
    const result = await check([...EVEN, 3].map((marker) => fix(marker)));
    expect(result).toMatchObject({ ok: true, stored: 6, storedUnacknowledged: 1 });
  });

  it("finds a lost record", async () => {
    const result = await check([0, 2, 4, 8].map((marker) => fix(marker)));
    expect(result).toMatchObject({ ok: false, lost: 1, doubled: 0 });
    expect(result.byProtocol).toEqual({ gt06: { devices: 1, acknowledged: 5, stored: 4, lost: 1 } });
    expect(result.examples.lost).toEqual([{ uid: "a", marker: 6, timeMs: START_MS + 6_000 }]);
  });

  it("finds a doubled record, on one page or on two, and counts it once", async () => {
    for (const doubled of [
      [4, 4],
      [4, 0, 2, 6, 8, 4, 4],
    ]) {
      const result = await check(
        [...EVEN.filter((marker) => !doubled.includes(marker)), ...doubled].map((m) => fix(m)),
      );
      expect(result).toMatchObject({ ok: false, lost: 0, doubled: 1 });
    }
  });

  it("finds a record with another time than the device gave", async () => {
    const fixes = EVEN.map((marker) => fix(marker, RUN, marker === 2 ? START_MS : undefined));
    expect(await check(fixes)).toMatchObject({ ok: false, displaced: 1, lost: 0 });
  });

  it("finds a record that no device made", async () => {
    expect(await check([...EVEN, 10].map((marker) => fix(marker)))).toMatchObject({ ok: false, invented: 1 });
  });

  it("leaves records of other runs and other devices' fixes alone", async () => {
    const foreign: StoredFix = { timeMs: START_MS, attributes: { ignition: true } };
    const result = await check([...EVEN.map((marker) => fix(marker)), fix(1, RUN - 1), fix(0, RUN - 1), foreign]);
    expect(result).toMatchObject({ ok: true, stored: 5 });
  });
});
