import { command } from "#decoders/gt06/index.ts";
import { type CommandAdapter, misfitOfText, textAttribute } from "./adapter.ts";

/**
 * 0x80 with the words of the SMS commands, ended by `#`. The four bytes of the server's flag come back in the answer (0x15
 * or 0x21); firmware that does not repeat them writes 0. What it can't do it says in words ("DYD=Unvalued Fix").
 */

const TEXT_CHARACTERS_MAX = 249;
/** Cutting off and restoring fuel and electricity. */
const IMMOBILISER = /relay|dyd|hfyd|stopelec|supplyelec|cutoff|immob/i;
const ERROR = /^(?:[\w,]+\s*[=:]\s*)?(?:error|fail|invalid|unvalued|speed limit|not support|unsupported|unknown)/i;
const FLAGS = 0xffff_ffffn;

export const gt06Commands: CommandAdapter = {
  protocol: "gt06",
  words: { locate: "WHERE#", status: "STATUS#", version: "VERSION#", restart: "RESET#" },
  misfitOf: (text) => misfitOfText(text, TEXT_CHARACTERS_MAX),
  isImmobiliser: (text) => IMMOBILISER.test(text),
  encode: ({ commandId, text }) => {
    const flag = Number((BigInt(commandId) - 1n) % FLAGS) + 1;
    const bytes = command(text.endsWith("#") ? text : `${text}#`, flag, flag & 0xffff);
    return { bytes, key: String(flag), isAnswered: true };
  },
  readReply: (report, key) => {
    const flag = report.attributes["command.flag"];
    if (flag === undefined || (flag !== 0 && String(flag) !== key)) return undefined;
    const text = textAttribute(report, "command.text") ?? "";
    return { result: ERROR.test(text) ? "error" : "ok", text };
  },
};
