/** The unit that an attribute has in our reports, and what a value in the vendor's unit is multiplied by. */
export function unitOf(vendorUnit: string): { unit: string | null; factor: number } {
  const unit = vendorUnit.trim();
  return UNITS[unit] ?? { unit: unit || null, factor: 1 };
}

const UNITS: { readonly [vendorUnit: string]: { unit: string; factor: number } } = {
  "˚C": { unit: "°C", factor: 1 },
  "%RH": { unit: "%", factor: 1 },
  "km/h": { unit: "m/s", factor: 1 / 3.6 },
  "km/H": { unit: "m/s", factor: 1 / 3.6 },
  km: { unit: "m", factor: 1_000 },
  cm: { unit: "m", factor: 0.01 },
  mm: { unit: "m", factor: 0.001 },
  ms: { unit: "s", factor: 0.001 },
  sec: { unit: "s", factor: 1 },
  min: { unit: "s", factor: 60 },
  "min.": { unit: "s", factor: 60 },
  h: { unit: "s", factor: 3_600 },
  day: { unit: "s", factor: 86_400 },
  Timestamp: { unit: "s since 1970 (UTC)", factor: 1 },
  mV: { unit: "V", factor: 0.001 },
  mA: { unit: "A", factor: 0.001 },
  mAh: { unit: "Ah", factor: 0.001 },
  mG: { unit: "g", factor: 0.001 },
  G: { unit: "g", factor: 1 },
  ml: { unit: "l", factor: 0.001 },
  "L/h": { unit: "l/h", factor: 1 },
  "km/L": { unit: "km/l", factor: 1 },
  "g/sec": { unit: "g/s", factor: 1 },
  Kg: { unit: "kg", factor: 1 },
  T: { unit: "kg", factor: 1_000 },
  kW: { unit: "W", factor: 1_000 },
  "kW*h": { unit: "kWh", factor: 1 },
  RPM: { unit: "rpm", factor: 1 },
  "1/min": { unit: "rpm", factor: 1 },
  "°": { unit: "deg", factor: 1 },
  "Degrees °": { unit: "deg", factor: 1 },
};
