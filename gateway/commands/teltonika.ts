import { encodeAddressedCommand, encodeCommand } from "#decoders/teltonika/encode.ts";
import { type CommandAdapter, misfitOfText, textAttribute } from "./adapter.ts";

/**
 * Codec 12: the words of the SMS commands, answers without an id, in order. Codec 14 where it is asked for
 * (`options.codec`, or the device's setting): only the device with that IMEI executes it, another refuses with 0x11.
 * Firmware answers what it can't do in words ("Fail Bad syntax", "DOUT1 is disabled from CFG").
 */

/** Setting of a device: 12 or 14. */
const CODEC_SETTING = "command.codec";
const TEXT_CHARACTERS_MAX = 1_000;
const IMMOBILISER = /digout|dout|engine|immob|relay/i;
const ERROR = /^(?:error|fail|unknown|invalid|wrong|bad|not supported)|is disabled from cfg/i;
const RESPONSE = 6;
const REFUSED = 0x11;

export const teltonikaCommands: CommandAdapter = {
  protocol: "teltonika",
  words: { locate: "getgps", status: "getstatus", version: "getver", restart: "cpureset" },
  misfitOf: (text, { codec }) =>
    codec === undefined || codec === 12 || codec === 14
      ? misfitOfText(text, TEXT_CHARACTERS_MAX)
      : "commands go out in codec 12 or 14",
  isImmobiliser: (text) => IMMOBILISER.test(text),
  encode: ({ text, deviceUid, options, settings }) => {
    const isAddressed = (options.codec ?? settings[CODEC_SETTING]) === 14;
    const bytes = isAddressed ? encodeAddressedCommand(deviceUid, text) : encodeCommand(text);
    return { bytes, key: null, isAnswered: true };
  },
  readReply: (report) => {
    const type = report.attributes["command.type"];
    if (type !== RESPONSE && type !== REFUSED) return undefined;
    if (report.attributes["command.refused"] === true) return { result: "error", text: "refused: the IMEI is another" };
    const text = textAttribute(report, "command.text") ?? textAttribute(report, "command.hex") ?? "";
    return { result: ERROR.test(text) ? "error" : "ok", text };
  },
};
