/**
 * Protocol numbers of the family. The same number can mean another layout on another model: what carries a position is
 * therefore found by its shape, and this table says what else a number promises.
 * Source: JM-VL03 communication protocol 1.1.2; numbers of other models from public decoders.
 */
export const LOGIN = 0x01;
export const HEARTBEAT = 0x13;
export const COMMAND_REPLY_SHORT = 0x15;
export const COMMAND_REPLY_LONG = 0x21;
export const HEARTBEAT_OTHER = 0x23;
export const ADDRESS_REQUEST = 0x2a;
export const MODULAR = 0x70;
export const COMMAND = 0x80;
export const TIME_REQUEST = 0x8a;
export const OBD = 0x8c;
export const INFORMATION = 0x94;
export const MULTIMEDIA_ALARM = 0x95;
export const SERIAL_DATA = 0x9b;
export const PERIPHERAL = 0xf2;

/** Alarms: the GPS block, a cell with its own length byte, terminal information, the alarm. */
export const ALARM_NUMBERS: ReadonlySet<number> = new Set([0x16, 0x26, 0x27, 0x32, 0xa4]);

/** Positions: the GPS block, a cell, then fields that depend on the model. */
export const LOCATION_NUMBERS: ReadonlySet<number> = new Set([
  0x10, 0x11, 0x12, 0x16, 0x1a, 0x1e, 0x22, 0x26, 0x27, 0x2d, 0x31, 0x32, 0x37, 0xa0, 0xa4,
]);

/** Cells, access points, texts and states: whatever stands in them, it is no GPS block. */
export const NO_POSITION_NUMBERS: ReadonlySet<number> = new Set([
  ...[LOGIN, HEARTBEAT, 0x14, COMMAND_REPLY_SHORT, 0x18, 0x19, 0x1f, COMMAND_REPLY_LONG, HEARTBEAT_OTHER],
  ...[0x28, ADDRESS_REQUEST, 0x2c, 0x2e, 0x65, 0x66, 0x69, COMMAND, 0x81, 0x82, TIME_REQUEST, OBD, INFORMATION],
  ...[SERIAL_DATA, 0xa1, 0xa5, 0xf1, PERIPHERAL, 0xf3],
]);

/** A position on some models, cells or access points on others. */
export const POSITION_OR_CELLS: ReadonlySet<number> = new Set([0x17, 0x24, 0x33, 0xa2]);

/** Lists of cells by number, with widths of their parts. */
export const CELL_LISTS: ReadonlyMap<number, "2g" | "4g"> = new Map([
  [0x24, "2g"],
  [0x28, "2g"],
  [0x2e, "2g"],
  [0x18, "2g"],
  [0xa1, "4g"],
]);

/** Numbers whose long form (`7979`) is answered; other long frames are not. */
const ANSWERED_LONG: ReadonlySet<number> = new Set([0x32, MODULAR, PERIPHERAL]);
/** Numbers whose short form (`7878`) is not answered. */
const UNANSWERED_SHORT: ReadonlySet<number> = new Set([
  ...[COMMAND_REPLY_SHORT, 0x34, COMMAND, 0x81, 0x82, TIME_REQUEST, ADDRESS_REQUEST, INFORMATION],
]);

/**
 * Whether a frame is answered by an echo of number and serial. The vendor asks for it after login, heartbeat and alarms;
 * several clones send a position again until it is answered too, and the others ignore the answer.
 */
export function isAnswered(protocol: number, long: boolean): boolean {
  return long ? ANSWERED_LONG.has(protocol) : !UNANSWERED_SHORT.has(protocol);
}
