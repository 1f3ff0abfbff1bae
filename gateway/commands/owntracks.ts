import { randomBytes } from "node:crypto";
import type { Report } from "#decoders/decoder.ts";
import {
  commandMessage,
  encryptedPayload,
  type OwnTracksCommand,
  PAYLOAD_KEY_SETTING,
} from "#decoders/owntracks/index.ts";
import { type CommandAdapter, textAttribute } from "./adapter.ts";

/**
 * `{"_type":"cmd","action":…}`: the name of an action, or its JSON where it has parameters. A phone answers with an
 * ordinary message, or, where it is told to set something, not at all. Sealed where the device has a payload key.
 */

const JSON_CHARACTERS_MAX = 16_000;
const NONCE_BYTES = 24;

type Action = OwnTracksCommand["action"];

/** Which report answers the action; null where none does. */
const ANSWERS: { readonly [action in Action]: ((report: Report) => boolean) | null } = {
  reportLocation: (report) => report.event === "report.requested",
  status: (report) => textAttribute(report, "owntracks.type") === "status",
  dump: (report) => ["dump", "configuration"].includes(textAttribute(report, "owntracks.type") ?? ""),
  waypoints: (report) => textAttribute(report, "owntracks.type") === "waypoints",
  reportSteps: (report) => ["steps", "step"].includes(textAttribute(report, "owntracks.type") ?? ""),
  clearWaypoints: null,
  setWaypoints: null,
  setConfiguration: null,
};

export const owntracksCommands: CommandAdapter = {
  protocol: "owntracks",
  words: { locate: "reportLocation", status: "status" },
  misfitOf: (text) => {
    if (text.length > JSON_CHARACTERS_MAX) return `the text has more than ${JSON_CHARACTERS_MAX} characters`;
    return parseAction(text) === undefined
      ? `expected an action (${Object.keys(ANSWERS).join(", ")}) or its JSON with what it needs`
      : undefined;
  },
  isImmobiliser: () => false,
  encode: ({ text, deviceUid, settings }) => {
    const action = parseAction(text) ?? { action: "status" };
    const { payload } = commandMessage(deviceUid, action);
    const passphrase = settings[PAYLOAD_KEY_SETTING];
    const bytes =
      typeof passphrase === "string" ? encryptedPayload(payload, passphrase, randomBytes(NONCE_BYTES)) : payload;
    return { bytes, key: action.action, isAnswered: ANSWERS[action.action] !== null };
  },
  readReply: (report, key) => {
    if (!isAction(key) || ANSWERS[key]?.(report) !== true) return undefined;
    const { timeMs, latDeg, lonDeg } = report;
    const time = timeMs === null ? null : new Date(timeMs).toISOString();
    const text = report.kind === "fix" ? { time, lat: latDeg, lon: lonDeg } : report.attributes;
    return { result: "ok", text: JSON.stringify(text) };
  },
};

function isAction(value: unknown): value is Action {
  return typeof value === "string" && Object.hasOwn(ANSWERS, value);
}

function parseAction(text: string): OwnTracksCommand | undefined {
  const given = text.startsWith("{") ? parseObject(text) : { action: text };
  if (given === undefined || !isAction(given.action)) return undefined;
  const { action, from, to, waypoints, configuration } = given;
  switch (action) {
    case "reportSteps":
      return Number.isInteger(from) && Number.isInteger(to)
        ? { action, from: from as number, to: to as number }
        : undefined;
    case "setWaypoints":
      return isObject(waypoints) ? { action, waypoints } : undefined;
    case "setConfiguration":
      return isObject(configuration) ? { action, configuration } : undefined;
    case "reportLocation":
    case "dump":
    case "status":
    case "waypoints":
    case "clearWaypoints":
      return { action };
  }
}

function parseObject(text: string): { [name: string]: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? (value as { [name: string]: unknown }) : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
