import type { Attributes } from "#decoders/decoder.ts";
import { locationPayload } from "#decoders/owntracks/encode.ts";
import type { DeviceProtocol, SimulatedRecord } from "../device.ts";
import { type HttpDialect, openHttpLink } from "../links/http-link.ts";
import { type MqttDialect, openMqttLink } from "../links/mqtt-link.ts";
import type { Random } from "../random.ts";
import { authorization } from "./osmand.ts";

/**
 * The OwnTracks app on a phone, over MQTT with QoS 1 (OwnTracks booklet, Technical: JSON). The field that a user can fill, `tag`,
 * carries the run and the number of the record.
 */
export const owntracksMqtt: DeviceProtocol = {
  protocol: "owntracks",
  model: null,
  hasPassword: true,
  clock: { stepMs: 1_000, canBeUnset: false },
  makeUid: (_random: Random, index: number) => `driver${index}/phone`,
  openLink: (context) => openMqttLink(context, owntracksDialect),
  readMarker,
};

/** The app in its HTTP mode: a POST for each location, user and device in headers and in HTTP Basic. */
export const owntracksHttp: DeviceProtocol = {
  ...owntracksMqtt,
  makeUid: (_random: Random, index: number) => `driver${index}/pad`,
  openLink: (context) => openHttpLink(context, owntracksHttpDialect),
};

const ACCURACY_M_PER_HDOP = 4;

export const owntracksDialect: MqttDialect = {
  clientId: (uid) => uid.replace("/", ""),
  username: (uid) => uid.split("/")[0]!,
  topic: (uid) => `owntracks/${uid}`,
  lastWill: (connectedMs) => new TextEncoder().encode(`{"_type":"lwt","tst":${Math.floor(connectedMs / 1_000)}}`),
  commandTopic: (uid) => `owntracks/${uid}/cmd`,
  encode: (record) => payloadOf(record, "t", markerOf(record)),
  answerTo,
};

export const owntracksHttpDialect: HttpDialect = {
  recordsMax: 1,
  encode: (uid, password, [record]) => {
    const [user, device] = uid.split("/") as [string, string];
    return {
      method: "POST",
      path: "/pub",
      headers: {
        "content-type": "application/json",
        "x-limit-u": user,
        "x-limit-d": device,
        ...authorization(user, password),
      },
      body: payloadOf(record!, "t", markerOf(record!)),
    };
  },
};

function markerOf({ run, marker }: SimulatedRecord): string {
  return `${run}-${marker}`;
}

function payloadOf(record: SimulatedRecord, trigger: string, tag?: string): Uint8Array {
  return locationPayload({
    latDeg: record.latDeg,
    lonDeg: record.lonDeg,
    timeMs: record.timeMs,
    trackerId: "dr",
    accuracyM: Math.round(record.hdop * ACCURACY_M_PER_HDOP),
    altitudeM: Math.round(record.altitudeM),
    speedMps: record.speedMps,
    headingDeg: Math.round(record.headingDeg) % 360,
    batteryPercent: 80,
    trigger,
    ...(tag === undefined ? {} : { tag }),
  });
}

/** `reportLocation` is answered by the last position, triggered by `r`. */
function answerTo(command: Uint8Array, last: SimulatedRecord | undefined): Uint8Array | undefined {
  const isReport = Buffer.from(command).toString("utf8").includes('"reportLocation"');
  return isReport && last ? payloadOf(last, "r") : undefined;
}

function readMarker(attributes: Attributes, run: number): number | undefined {
  const tag = attributes["owntracks.tag"];
  const [ofRun, marker] = typeof tag === "string" ? tag.split("-") : [];
  return ofRun === String(run) && marker ? Number(marker) : undefined;
}
