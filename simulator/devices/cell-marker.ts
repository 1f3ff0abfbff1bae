import type { Attributes } from "#decoders/decoder.ts";
import type { SimulatedRecord } from "../device.ts";

/**
 * Where a protocol has no field to spare, the serving cell names the record: its area code (16 bits) carries the end of the
 * run's number, its id the record's.
 */
const AREA_CODES = 0x1_0000;

export function markingCell({ run, marker }: SimulatedRecord): { lac: number; cid: number } {
  return { lac: run % AREA_CODES, cid: marker };
}

export function readCellMarker(attributes: Attributes, run: number): number | undefined {
  const cid = attributes["cell.cid"];
  return attributes["cell.lac"] === run % AREA_CODES && typeof cid === "number" ? cid : undefined;
}
