import type { MatchFix } from "./match-fix.ts";

export type LineErrorCode =
  | "notJson"
  | "notAnObject"
  | "badTrace"
  | "badPosition"
  | "badTime"
  | "notInOrder"
  | "tooLong";

export type ParsedLine =
  | { kind: "fix"; trace: string; fix: MatchFix }
  | { kind: "blank" }
  | { kind: "error"; code: LineErrorCode; detail: string };

const LINE_CHARS_MAX = 10_000;
const BLANK: ParsedLine = { kind: "blank" };

/** Reads one line of `match` input. `trace` comes back as the JSON text of its value, ready to be written again. */
export function parseLine(line: string): ParsedLine {
  if (line.length > LINE_CHARS_MAX) return error("tooLong", `a line has at most ${LINE_CHARS_MAX} characters`);
  if (line.trim() === "") return BLANK;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    return error("notJson", cause instanceof Error ? cause.message : "not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return error("notAnObject", "expected an object");
  const point = value as Record<string, unknown>;
  const { trace, lat, lon, timeMs } = point;
  if (typeof trace !== "string" && !Number.isFinite(trace))
    return error("badTrace", "trace must be a string or a number");
  if (typeof lat !== "number" || typeof lon !== "number" || !(Math.abs(lat) <= 90) || !(Math.abs(lon) <= 180))
    return error("badPosition", "lat and lon must be degrees");
  if (typeof timeMs !== "number" || !Number.isFinite(timeMs))
    return error("badTime", "timeMs must be milliseconds since 1970");
  const fix: MatchFix = {
    timeMs,
    lat,
    lon,
    speedMps: optional(point.speedMps, 0, 200),
    headingDeg: optional(point.headingDeg, 0, 360),
    accuracyM: optional(point.accuracyM, 0.01, 10_000),
  };
  return { kind: "fix", trace: typeof trace === "string" ? JSON.stringify(trace) : String(trace), fix };
}

/** An optional number outside its range is treated as not given: it says nothing about the position. */
function optional(value: unknown, low: number, high: number): number {
  return typeof value === "number" && value >= low && value <= high ? value : Number.NaN;
}

function error(code: LineErrorCode, detail: string): ParsedLine {
  return { kind: "error", code, detail };
}
