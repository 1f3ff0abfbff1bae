import fc from "fast-check";
import { expect, test } from "vitest";
import { type Profile, profileFor } from "#firmware-profiles";
import type { Attributes } from "../decoder.ts";
import { anyRecords } from "./arbitraries.ts";
import { columns } from "./columns.ts";
import { putElement } from "./elements.ts";
import { type DeviceData, type DeviceElement, encodePacket } from "./encode.ts";
import { partsOf } from "./frame.ts";
import { CODEC } from "./layout.ts";
import { RecordShapes } from "./record-shapes.ts";
import { readRecords } from "./records.ts";

const MODELS = ["FMB920", "FMB640", "FMB003", null];
const WIDTHS = [1, 2, 4, 8];
const FILLS = [0x00, 0x01, 0x7f, 0xff];

function putAll(attributes: Attributes, record: number, profile: Profile, frame: Uint8Array): Attributes {
  for (let row = columns.firstElement[record]!; row < columns.firstElement[record + 1]!; row++)
    putElement(attributes, profile, columns, row, frame);
  return attributes;
}

/** Each record, read into an empty object, and into one that begins with its names, at first and at second sight. */
function expectSame(data: DeviceData, profile: Profile, shapes: RecordShapes): void {
  const frame = encodePacket(data);
  const parts = partsOf(frame);
  if (parts?.kind !== "packet") throw new Error(`not a packet of records: ${parts?.kind}`);
  readRecords(frame, parts.dataStart, parts.dataEnd);
  for (let record = 0; record < columns.recordCount; record++) {
    const expected = putAll({}, record, profile, frame);
    for (const sight of ["first", "second"])
      expect(putAll(shapes.begin(profile, columns, record), record, profile, frame), sight).toStrictEqual(expected);
  }
}

test("a record that begins with its names ends with the attributes of one that does not", () => {
  const shapes = new RecordShapes();
  fc.assert(
    fc.property(anyRecords(CODEC.extended), fc.constantFrom(...MODELS), (data, model) =>
      expectSame(data, profileFor("teltonika", model), shapes),
    ),
    { numRuns: 300 },
  );
});

test.each(MODELS)("so does every element that a profile of %s knows, at every width", (model) => {
  const shapes = new RecordShapes();
  const profile = profileFor("teltonika", model);
  const head = { ...{ timeMs: 0, priority: 0, longitudeE7: 0, latitudeE7: 0, altitudeM: 0, headingDeg: 0 } };
  for (const id of profile.elements.keys())
    for (const width of WIDTHS)
      for (const fill of FILLS) {
        const element: DeviceElement = { id, bytes: new Uint8Array(width).fill(fill) };
        const record = { ...head, satellites: 0, speedKmh: 0, eventId: 0, elements: [element] };
        expectSame({ kind: "records", codec: CODEC.extended, records: [record] }, profile, shapes);
      }
});
