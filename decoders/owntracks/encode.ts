import { sealSecretbox } from "./secretbox.ts";

/** A location as a phone publishes it: SI units in, the app's units out. */
export type OwnTracksLocation = {
  latDeg: number;
  lonDeg: number;
  timeMs: number;
  /** Two characters that stand for the device on a map. */
  trackerId: string;
  accuracyM?: number;
  altitudeM?: number;
  speedMps?: number;
  headingDeg?: number;
  batteryPercent?: number;
  /** `t` of the booklet: `u` by the user, `t` timer in move mode, `p` ping … */
  trigger?: string;
  /** When the message was built, where that is later than the fix. */
  createdAtMs?: number;
  /** A word that the user gave the place. */
  tag?: string;
};

const KPH_PER_MPS = 3.6;

/** The JSON that the app publishes; like the app it leaves out what is not known. */
export function locationPayload(location: OwnTracksLocation): Uint8Array {
  const { latDeg, lonDeg, timeMs, trackerId, speedMps, createdAtMs } = location;
  return jsonBytes({
    _type: "location",
    tid: trackerId,
    lat: latDeg,
    lon: lonDeg,
    tst: Math.round(timeMs / 1000),
    acc: location.accuracyM,
    alt: location.altitudeM,
    vel: speedMps === undefined ? undefined : Math.round(speedMps * KPH_PER_MPS),
    cog: location.headingDeg,
    batt: location.batteryPercent,
    t: location.trigger,
    created_at: createdAtMs === undefined ? undefined : Math.round(createdAtMs / 1000),
    tag: location.tag,
  });
}

/** Wraps a payload as the app does when a passphrase is set. `nonce`: 24 random bytes. */
export function encryptedPayload(payload: Uint8Array, passphrase: string, nonce: Uint8Array): Uint8Array {
  return jsonBytes({ _type: "encrypted", data: sealSecretbox(payload, passphrase, nonce) });
}

/** What a gateway can ask a phone to do; the answer is an ordinary message of the phone. */
export type OwnTracksCommand =
  | { action: "reportLocation" | "dump" | "status" | "waypoints" | "clearWaypoints" }
  | { action: "reportSteps"; from: number; to: number }
  | { action: "setWaypoints"; waypoints: object }
  | { action: "setConfiguration"; configuration: object };

/** Topic and payload of a command; `base` is `owntracks/<user>/<device>`. Publish with QoS 1. */
export function commandMessage(base: string, command: OwnTracksCommand): { topic: string; payload: Uint8Array } {
  return { topic: `${base}/cmd`, payload: jsonBytes({ _type: "cmd", ...command }) };
}

function jsonBytes(value: object): Uint8Array {
  return new Uint8Array(Buffer.from(JSON.stringify(value)));
}
