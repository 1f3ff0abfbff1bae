import { pick, type Random } from "../random.ts";

const TYPE_ALLOCATION_DIGITS = 8;
const SERIAL_DIGITS = 6;

/** A well-formed IMEI: type allocation code (random), serial number, check digit (Luhn; 3GPP TS 23.003, annex B). */
export function makeImei(random: Random, index: number): string {
  let digits = "35";
  while (digits.length < TYPE_ALLOCATION_DIGITS) digits += pick(random, 10);
  digits += String(index).padStart(SERIAL_DIGITS, "0");
  const sum = [...digits].reduce((total, digit, at) => {
    const doubled = Number(digit) * (at % 2 === 1 ? 2 : 1);
    return total + Math.floor(doubled / 10) + (doubled % 10);
  }, 0);
  return `${digits}${(10 - (sum % 10)) % 10}`;
}
