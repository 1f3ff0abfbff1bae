import type { Attributes } from "../decoder.ts";

/**
 * Cells and access points of reports without a position.
 *
 * GTGSM, GTLBS: groups of MCC, MNC, LAC, cell, signal, reserved; the last one serves, the others are its neighbours.
 * GTWIF: a number, then groups of MAC, signal and three reserved fields.
 */
export function readCellList(attributes: Attributes, report: string, fields: readonly string[]): boolean {
  if (report === "GTGSM" || report === "GTLBS") return readCells(attributes, fields);
  if (report === "GTWIF") return readAccessPoints(attributes, fields);
  return false;
}

const GROUP_FIELDS = 6;

function readCells(attributes: Attributes, fields: readonly string[]): boolean {
  const cells: Attributes[] = [];
  for (let at = 0; at + 4 < fields.length; at++) {
    const [mcc, mnc, lac, cid, signal] = fields.slice(at, at + 5);
    if (!/^0\d{3}$/.test(mcc!) || !/^0\d{3}$/.test(mnc!)) continue;
    if (!/^[0-9A-Fa-f]{4,8}$/.test(lac!) || !/^[0-9A-Fa-f]{4,8}$/.test(cid!)) continue;
    const cell: Attributes = {
      mcc: Number(mcc),
      mnc: Number(mnc),
      lac: Number.parseInt(lac!, 16),
      cid: Number.parseInt(cid!, 16),
    };
    if (/^\d{1,2}$/.test(signal!)) cell.signal = Number(signal);
    cells.push(cell);
    at += GROUP_FIELDS - 1;
  }
  if (cells.length > 0) attributes.cells = cells;
  attributes["fields.body"] = [...fields];
  return true;
}

function readAccessPoints(attributes: Attributes, fields: readonly string[]): boolean {
  const points: Attributes[] = [];
  fields.forEach((field, at) => {
    if (!/^[0-9A-Fa-f]{12}$/.test(field)) return;
    const signal = Number(fields[at + 1]);
    const bssid = field.toLowerCase().replaceAll(/(..)(?!$)/g, "$1:");
    points.push(Number.isFinite(signal) ? { bssid, signalDbm: signal } : { bssid });
  });
  if (points.length > 0) attributes.wifi = points;
  attributes["fields.body"] = [...fields];
  return true;
}
