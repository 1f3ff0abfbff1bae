import type { Verdict, VerdictName } from "./judge.ts";
import type { Reason, ReasonCode } from "./reason.ts";
import type { TemperatureResult } from "./temperature.ts";

/** What a person reads: the verdict, then what weighs most, then what is not known. */
export const SENTENCES_MAX = 6;

const OPENING: Readonly<Record<VerdictName, string>> = {
  corroborated: "Telemetry supports this proof of delivery.",
  corroborated_with_exceptions: "Telemetry supports this proof of delivery, with exceptions.",
  inconclusive: "Telemetry neither proves nor disproves this proof of delivery.",
  contradicted: "Telemetry contradicts this proof of delivery.",
  not_evaluated: "There is no telemetry to hold this proof of delivery against.",
};

/** At most six plain sentences with the numbers that count, in the order of their weight. */
export function explain({ verdict, reasons, temperature }: Verdict): string[] {
  const isVoid = reasons.some(({ strength }) => strength === "phone");
  const told = reasons.filter(({ code, effect, source }) => {
    return !code.startsWith("TEMPERATURE_") && !(isVoid && effect === "supports" && source === "phone");
  });
  const said = told.toSorted((a, b) => weightOf(a) - weightOf(b)).map(sentenceOf);
  const cold = temperature === null || temperature.result === "within" ? [] : [temperatureSentence(temperature)];
  return [OPENING[verdict], ...said.slice(0, SENTENCES_MAX - 1 - cold.length), ...cold];
}

function weightOf({ effect, strength, code }: Reason): number {
  if (effect === "contradicts") return { hard: 0, phone: 1, soft: 3, normal: 3, weak: 3 }[strength];
  if (code === "TELEMETRY_PENDING" || code === "GEOCODE_DOUBT") return 2;
  if (effect === "supports") return strength === "weak" ? 6 : 4;
  return effect === "missing" ? 5 : 6;
}

const SENTENCES: Readonly<Record<ReasonCode, (observed: string, limit: string) => string>> = {
  VEHICLE_AT_STOP: (m) => `The vehicle came within ${m} of the stop.`,
  VEHICLE_FAR: (m) => `The vehicle came no nearer than ${m} to the stop within five minutes of that time.`,
  POD_IN_DWELL: () => "It was made while the vehicle was at the stop.",
  POD_OUTSIDE_DWELL: (s) => `It was made ${s} apart from the vehicle's time at the stop.`,
  NO_STOP: (speed) => `The vehicle never stopped around that time: it was never slower than ${speed}.`,
  DWELL_SHORT: (s, limit) => `The vehicle was at the stop for only ${s}, less than ${limit}.`,
  PHONE_AT_STOP: (m) => `The driver's phone was ${m} from the stop.`,
  PHONE_FAR_FROM_VEHICLE: (m, limit) => `The driver's phone was ${m} from the vehicle, more than ${limit}.`,
  WRONG_STOP: (m) => `The vehicle was standing at another stop of the route, ${m} away.`,
  SAME_ARTEFACT_REUSED: (stop) => `The same photo or signature was handed in before, for ${stop}.`,
  BATCH_SIGNING: (count) => `Proofs of ${count} were made within one minute.`,
  MOCK_LOCATION: (sign) => `The phone's position was made up (${sign}), so nothing that it says is counted.`,
  DOOR_OPEN: () => "A door of the vehicle was opened there.",
  NO_DOOR_EVENT: () => "No door of the vehicle was opened there.",
  IGNITION_OFF: () => "The ignition was off there.",
  PIN_CONFIRMED: () => "The recipient's PIN was right.",
  CLOCK_SKEW: (s) => `The phone's clock was ${s} off.`,
  DATA_GAP: (s) => `Nothing was heard of the vehicle for ${s} around that time.`,
  TELEMETRY_PENDING: () => "Telemetry of that time has not all come in yet; this will be judged again when it does.",
  REQUIRED_FIELD_MISSING: (fields) => `What the job asks for is missing: ${fields}.`,
  GEOCODE_DOUBT: (m) => `Vehicle and phone agree on a place ${m} from the stop: the address may be placed wrong.`,
  TEMPERATURE_EXCURSION: () => "",
  TEMPERATURE_UNKNOWN: () => "",
};

function sentenceOf({ code, observed, limit, unit, effect }: Reason): string {
  if (code === "CLOCK_SKEW" && effect === "missing") {
    return "The phone's clock can't be checked against ours, so the time does not count against anybody.";
  }
  return SENTENCES[code](measure(observed, unit), measure(limit, unit));
}

function temperatureSentence({ spans, minCelsius, maxCelsius }: TemperatureResult): string {
  const worst = spans
    .filter(({ kind }) => kind !== "unknown")
    .toSorted((a, b) => b.toMs - b.fromMs - (a.toMs - a.fromMs))[0];
  if (worst !== undefined) {
    const limit = worst.kind === "above" ? maxCelsius : minCelsius;
    const spent = measure((worst.toMs - worst.fromMs) / 1000, "s");
    return `The load was ${worst.kind} ${limit} °C for ${spent}, ${worst.celsius} °C at worst.`;
  }
  const longest = Math.max(...spans.map(({ fromMs, toMs }) => toMs - fromMs));
  return `The temperature of the load is unknown for ${measure(longest / 1000, "s")}.`;
}

/** Numbers as people say them. */
function measure(value: number | string | null, unit: Reason["unit"]): string {
  if (typeof value !== "number") return value ?? "";
  const absolute = Math.abs(value);
  switch (unit) {
    case "m":
      return absolute >= 1_000 ? `${(absolute / 1000).toFixed(1)} km` : `${Math.round(absolute)} m`;
    case "s":
      if (absolute >= 5_400) return `${(absolute / 3600).toFixed(1)} h`;
      return absolute >= 120 ? `${Math.round(absolute / 60)} min` : `${Math.round(absolute)} s`;
    case "m/s":
      return `${Math.round(absolute * 3.6)} km/h`;
    case "stops":
      return `${value} stops`;
    case "fixes":
      return `${value} fixes`;
    case "°C":
      return `${value} °C`;
    case null:
      return String(value);
  }
}
