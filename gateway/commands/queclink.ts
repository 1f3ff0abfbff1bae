import { type CommandAdapter, misfitOfText, textAttribute } from "./adapter.ts";

/**
 * `AT+GTxxx=<password>,…,FFFF$` as it stands in the manual of the model: the last field is the serial number, which the
 * gateway sets and the device repeats in +ACK or +NACK.
 */

const COMMAND = /^AT\+(GT[A-Z0-9]{3})=[^$]*,[0-9A-Fa-f]{4}\$$/;
const SERIAL_AT_END = /[0-9A-Fa-f]{4}\$$/;
const TEXT_CHARACTERS_MAX = 1_000;
/** Digital outputs, also inside a stored command. */
const IMMOBILISER = /GTOUT|GTDOS|GTIMMO/i;
const SERIALS = 0xffff;

export const queclinkCommands: CommandAdapter = {
  protocol: "queclink",
  words: {},
  misfitOf: (text) =>
    misfitOfText(text, TEXT_CHARACTERS_MAX) ??
    (COMMAND.test(text) ? undefined : "expected AT+GTxxx=<password>,…,FFFF$ with a serial number as its last field"),
  isImmobiliser: (text) => IMMOBILISER.test(text),
  encode: ({ commandId, text }) => {
    const serial = serialOf(commandId);
    const bytes = Buffer.from(text.replace(SERIAL_AT_END, `${serial}$`), "latin1");
    return { bytes, key: `${COMMAND.exec(text)?.[1]}:${serial}`, isAnswered: true };
  },
  readReply: (report, key) => {
    const serial = textAttribute(report, "command.serial");
    const name = textAttribute(report, "report") ?? "";
    // The HEX protocol numbers its commands instead of naming them.
    const isOurs = name.startsWith("GT") ? key === `${name}:${serial}` : key?.endsWith(`:${serial}`);
    if (report.kind !== "commandReply" || serial === undefined || isOurs !== true) return undefined;
    const isRefused = report.attributes["command.refused"] === true;
    const fields = textAttribute(report, "command.text") ?? serial;
    return { result: isRefused ? "error" : "ok", text: `+${isRefused ? "NACK" : "ACK"}:${name},${fields}` };
  },
};

/** Never 0000, which devices put where they were given none. */
function serialOf(commandId: string): string {
  const serial = Number((BigInt(commandId) - 1n) % BigInt(SERIALS)) + 1;
  return serial.toString(16).toUpperCase().padStart(4, "0");
}
