import type { Attributes } from "../decoder.ts";
import { readUint16, readUint32 } from "./frame.ts";

/** How wide the parts of a cell are in a message. */
export type CellLayout = {
  lacBytes: 2 | 4;
  cidBytes: 3 | 4 | 8;
};

export const CELL_2G: CellLayout = { lacBytes: 2, cidBytes: 3 };
export const CELL_2G_WIDE: CellLayout = { lacBytes: 2, cidBytes: 4 };
export const CELL_4G: CellLayout = { lacBytes: 4, cidBytes: 8 };

/** Bit of the country code that says that the network code has two bytes. */
const WIDE_MNC = 0x8000;

/** Reads country, network, area and cell at `at`; returns the offset after them, or -1 where they do not fit. */
export function readCell(attributes: Attributes, content: Uint8Array, at: number, layout: CellLayout): number {
  if (at + 2 > content.length) return -1;
  const country = readUint16(content, at);
  const mncBytes = country & WIDE_MNC ? 2 : 1;
  const lacAt = at + 2 + mncBytes;
  const cidAt = lacAt + layout.lacBytes;
  const end = cidAt + layout.cidBytes;
  if (end > content.length) return -1;
  attributes["cell.mcc"] = country & ~WIDE_MNC;
  attributes["cell.mnc"] = mncBytes === 2 ? readUint16(content, at + 2) : content[at + 2]!;
  attributes["cell.lac"] = readUint(content, lacAt, layout.lacBytes);
  attributes["cell.cid"] = readUint(content, cidAt, layout.cidBytes);
  return end;
}

/**
 * The cell list of LBS packets: country, network, then 7 × (area, cell, signal), of which the first serves. Entries of
 * zeros are empty. Source: JM-VL03 communication protocol 1.1.2, LBS packet.
 */
export function readCells(attributes: Attributes, content: Uint8Array, at: number, layout: CellLayout): void {
  if (at + 2 > content.length) return;
  const country = readUint16(content, at);
  const mncBytes = country & WIDE_MNC ? 2 : 1;
  const mcc = country & ~WIDE_MNC;
  const mnc = mncBytes === 2 ? readUint16(content, at + 2) : (content[at + 2] ?? 0);
  const entryBytes = layout.lacBytes + layout.cidBytes + 1;
  const cells: Attributes[] = [];
  let entryAt = at + 2 + mncBytes;
  for (; cells.length < CELLS_MAX && entryAt + entryBytes <= content.length; entryAt += entryBytes) {
    const lac = readUint(content, entryAt, layout.lacBytes);
    const cid = readUint(content, entryAt + layout.lacBytes, layout.cidBytes);
    if (lac === 0 && cid === 0) break;
    cells.push({ mcc, mnc, lac, cid, signal: content[entryAt + entryBytes - 1]! });
  }
  if (cells.length > 0) attributes.cells = cells;
}

const CELLS_MAX = 7;

/** Unsigned, up to 8 bytes; above 2^53 the low digits are lost, which no real cell id reaches. */
function readUint(content: Uint8Array, at: number, length: 2 | 3 | 4 | 8): number {
  if (length === 8) return readUint32(content, at) * 2 ** 32 + readUint32(content, at + 4);
  if (length === 4) return readUint32(content, at);
  const low = readUint16(content, at + length - 2);
  return length === 3 ? content[at]! * 0x1_0000 + low : low;
}
