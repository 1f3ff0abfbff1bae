import type { Attributes } from "#decoders/decoder.ts";
import { type OsmAndPosition, positionBody, positionPath } from "#decoders/osmand/encode.ts";
import type { DeviceProtocol, SimulatedRecord } from "../device.ts";
import { type HttpDialect, openHttpLink } from "../links/http-link.ts";
import type { Random } from "../random.ts";

/** OsmAnd and Traccar Client up to 8: a request for each position, everything in its query, whole seconds. */
export const osmandQuery: DeviceProtocol = {
  protocol: "osmand",
  model: null,
  hasPassword: true,
  clock: { stepMs: 1_000, canBeUnset: false },
  makeUid: (_random: Random, index: number) => `driver-phone-${index}`,
  openLink: (context) => openHttpLink(context, queryDialect),
  readMarker,
};

/** Traccar Client 9 and later: JSON, one position or a batch that is deleted whole when it was acknowledged. */
export const osmandJson: DeviceProtocol = {
  ...osmandQuery,
  clock: { stepMs: 1, canBeUnset: false },
  openLink: (context) => openHttpLink(context, jsonDialect),
};

const BATCH_MAX = 250;
const NO_BODY = new Uint8Array(0);

export const queryDialect: HttpDialect = {
  recordsMax: 1,
  encode: (uid, password, [record]) => ({
    method: "POST",
    path: positionPath(positionOf(uid, record!)),
    headers: authorization(uid, password),
    body: NO_BODY,
  }),
};

export const jsonDialect: HttpDialect = {
  recordsMax: BATCH_MAX,
  encode: (uid, password, records) => ({
    method: "POST",
    path: "/",
    headers: { "content-type": "application/json", ...authorization(uid, password) },
    body: positionBody(records.map((record) => positionOf(uid, record))),
  }),
};

function positionOf(deviceId: string, record: SimulatedRecord): OsmAndPosition {
  const { latDeg, lonDeg, timeMs, speedMps, headingDeg, altitudeM, hdop, run, marker } = record;
  const place = { deviceId, latDeg, lonDeg, timeMs, speedMps, headingDeg, altitudeM };
  return { ...place, accuracyM: hdop * ACCURACY_M_PER_HDOP, batteryPercent: 80, extras: { run, marker } };
}

const ACCURACY_M_PER_HDOP = 4;

/** As a password in the URL reaches the server: HTTP Basic. */
export function authorization(user: string, password: string | null): { authorization?: string } {
  if (password === null) return {};
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}` };
}

/** The protocol leaves names to the sender; the decoder prefixes those that it does not know. */
function readMarker(attributes: Attributes, run: number): number | undefined {
  const marker = attributes["osmand.marker"];
  return attributes["osmand.run"] === run && typeof marker === "number" ? marker : undefined;
}
