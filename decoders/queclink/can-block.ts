import { queclinkMasks } from "#firmware-profiles/queclink/index.ts";
import type { Attributes } from "../decoder.ts";
import { tidy } from "./layout-reader.ts";

const MASK = /^[0-9A-Fa-f]{8}$/;
const HIGHEST_BIT = 31;

/**
 * The CAN values of GTCAN and GTERI: a mask, then one field for each of its bits, lowest first. The position and the word
 * of further values have bits of their own. Returns what is left.
 */
export function readCan(attributes: Attributes, fields: readonly string[]): readonly string[] {
  const text = fields[0] ?? "";
  if (!MASK.test(text)) return fields;
  const mask = Number.parseInt(text, 16);
  const { bits, positionBit, expansionBit, noFieldBit } = queclinkMasks.can;
  const special = new Set([positionBit, expansionBit, noFieldBit]);
  let at = 1;
  for (let bit = 0; bit <= HIGHEST_BIT; bit++) {
    if (((mask >>> bit) & 1) === 0 || special.has(bit)) continue;
    const known = bits.find((entry) => entry.bit === bit);
    const value = fields[at] ?? "";
    // A word of further values ends the list early on firmware that leaves unused bits set.
    if (known === undefined && MASK.test(value)) break;
    if (known && value !== "") readValue(attributes, known.name, known.read, value);
    at++;
  }
  return fields.slice(at);
}

/** Values carry their unit in front where a vehicle can have one or another: `H` hundreds of metres, `P` %, `L` litres. */
function readValue(attributes: Attributes, name: string, read: string, text: string): void {
  const number = Number(text.replace(/^[A-Z/]+(?=[-\d.])/, ""));
  const set = (value: number, suffix = ""): void => {
    if (Number.isFinite(value)) attributes[`${name}${suffix}`] = tidy(value);
  };
  switch (read) {
    case "text":
      attributes[name] = text;
      return;
    case "distance":
      if (text.startsWith("H")) set(number * 100);
      else set(number, ".impulses");
      return;
    case "hectometres":
      set(number * 100);
      return;
    case "kph":
      set(number / 3.6);
      return;
    case "hours":
      set(number * 3600);
      return;
    case "fuelLevel":
      set(number, text.startsWith("L") ? ".volume" : ".level");
      return;
    case "fuelConsumption":
      set(number, text.startsWith("L/H") ? ".hourly" : ".per-100km");
      return;
    case "ignitionKey":
      attributes[name] = text;
      attributes.ignition = text !== "0";
      return;
    case "hexNumber":
      attributes[name] = Number.parseInt(text, 16) || 0;
      return;
    default:
      set(number);
  }
}
