import { createHmac, randomBytes } from "node:crypto";
import { type Static, Type } from "typebox";
import type { Database } from "#store/database.ts";
import { hashPassword, PASSWORD_HASH_SETTING } from "#store/device-passwords.ts";
import { type Duty, readDuties } from "#store/driver-days.ts";
import type { DriverLink } from "#store/driver-links.ts";
import {
  type DriverPhone,
  findDriverPhone,
  movePhone,
  registerDriverPhone,
  resetDriverPhone,
} from "#store/driver-phones.ts";
import { ownSecret } from "#store/own-secrets.ts";
import { Problem } from "../problems.ts";
import { Degrees, parseTimeMs, Time } from "../schemas.ts";
import { PRIORITY_DEFAULT } from "../vehicle-json.ts";
import type { HandPositions, PhoneLocation } from "./phone-listener.ts";

/** Positions of one request: well below what the listener takes at a time. */
export const POSITIONS_MAX = 100;
/** A tracker that is there speaks for the vehicle; the phone does where there is none, or it is silent. */
const PHONE_PRIORITY = PRIORITY_DEFAULT * 2;
/** A phone's clock that is off by less is right enough to tell whether the driver is on duty. */
const SKEW_MS_MIN = 60_000;
const RETRY_AFTER_S = "10";

const Metres = Type.Number({ minimum: 0, maximum: 1_000_000 });

export const Position = Type.Object(
  {
    time: Time,
    lat: Degrees(90),
    lon: Degrees(180),
    accuracyM: Type.Optional(Metres),
    speedMps: Type.Optional(Type.Number({ minimum: 0, maximum: 1_000 })),
    headingDeg: Type.Optional(Type.Number({ minimum: 0, maximum: 360 })),
    altitudeM: Type.Optional(Type.Number({ minimum: -1_000, maximum: 100_000 })),
  },
  { additionalProperties: false },
);
export type Position = Static<typeof Position>;

export const PositionBatch = Type.Object(
  {
    sentAt: Type.String({ ...Time, description: "What the phone's clock shows at sending" }),
    positions: Type.Array(Position, { minItems: 1, maxItems: POSITIONS_MAX }),
  },
  { additionalProperties: false },
);

export const PositionsStored = Type.Object({
  stored: Type.Integer({ description: "Committed, now or by an earlier request with the same" }),
  offDuty: Type.Integer({ description: "Left out for good: the driver had no route at that time" }),
});

type Deps = { database: Database; now: () => number; handPositions: HandPositions | undefined };

/**
 * Stores positions of a driver's phone: when this resolves, every one that the driver was on duty for is in the journal. A
 * position sent again has the same bytes and becomes no second fix. Throws a problem when that can't be said.
 */
export async function storePositions(
  { database, now, handPositions }: Deps,
  { driverId }: Pick<DriverLink, "driverId">,
  batch: Static<typeof PositionBatch>,
): Promise<Static<typeof PositionsStored>> {
  const nowMs = now();
  const offMs = nowMs - parseTimeMs(batch.sentAt, "body", "/sentAt");
  const skewMs = Math.abs(offMs) < SKEW_MS_MIN ? 0 : offMs;
  const timed = batch.positions.map((position, index) => ({
    position,
    timeMs: parseTimeMs(position.time, "body", `/positions/${index}/time`) + skewMs,
  }));
  const duties = await readDuties(database, driverId, new Date(nowMs));
  const wanted = timed.filter(({ timeMs }) => dutyAt(duties, timeMs) !== undefined);
  const offDuty = timed.length - wanted.length;
  if (wanted.length === 0) return { stored: 0, offDuty };
  if (handPositions === undefined) throw away("The gateway's listener for phones is not known here (PHONES_URL).");

  const { phone, password } = await provePhone(database, driverId);
  await sitInVehicle(database, phone, duties, wanted, nowMs);
  const locations = wanted.map(({ position }) => locationOf(position));
  let handed = await handPositions({ uid: phone.uid, password }, locations);
  if (handed.kind === "notProved") {
    await resetDriverPhone(database, phone.uid, await settingsOf(password));
    handed = await handPositions({ uid: phone.uid, password }, locations);
  }
  switch (handed.kind) {
    case "stored":
      return { stored: wanted.length, offDuty };
    case "notProved":
      throw away("The gateway does not know the phone yet.");
    case "away":
      throw away(handed.detail);
  }
}

/** Where duties touch, the later one. */
function dutyAt(duties: readonly Duty[], timeMs: number): Duty | undefined {
  return duties.findLast(({ fromMs, toMs }) => fromMs <= timeMs && timeMs <= toMs);
}

/** The newest position says in which vehicle the phone is. */
async function sitInVehicle(
  database: Database,
  { deviceId }: DriverPhone,
  duties: readonly Duty[],
  wanted: readonly { timeMs: number }[],
  nowMs: number,
): Promise<void> {
  const duty = dutyAt(duties, Math.max(...wanted.map(({ timeMs }) => timeMs)));
  if (duty === undefined) return;
  const earliestMs = Math.min(...wanted.map(({ timeMs }) => timeMs));
  const fromMs = Math.min(nowMs, Math.max(duty.fromMs, earliestMs));
  await movePhone(database, deviceId, { vehicleId: duty.vehicleId, priority: PHONE_PRIORITY, fromMs });
}

/** The driver's phone with its password, which nobody needs to know but the listener: it is made from a secret of ours. */
async function provePhone(database: Database, driverId: number): Promise<{ phone: DriverPhone; password: string }> {
  const secret = await ownSecret(database, "driver phones");
  const password = createHmac("sha256", secret).update(String(driverId)).digest("base64url");
  const known = await findDriverPhone(database, driverId);
  if (known !== undefined) return { phone: known, password };
  const uid = `driver/${driverId}`;
  const phone = await registerDriverPhone(database, {
    ...{ driverId, name: `Phone of driver ${driverId}`, protocol: "osmand", settings: await settingsOf(password) },
    // Somebody may have called another device so.
    uids: [uid, `${uid}/${randomBytes(6).toString("base64url")}`],
  });
  if (phone === undefined) throw new Problem("not_found");
  return { phone, password };
}

const settingsOf = async (password: string) => ({ [PASSWORD_HASH_SETTING]: await hashPassword(password) });

/** The same position gives the same bytes, whatever it is sent with. */
function locationOf({ time, lat, lon, accuracyM, speedMps, headingDeg, altitudeM }: Position): PhoneLocation {
  return {
    timestamp: time,
    coords: {
      ...{ latitude: lat, longitude: lon },
      ...(accuracyM === undefined ? {} : { accuracy: accuracyM }),
      ...(speedMps === undefined ? {} : { speed: speedMps }),
      ...(headingDeg === undefined ? {} : { heading: headingDeg }),
      ...(altitudeM === undefined ? {} : { altitude: altitudeM }),
    },
  };
}

function away(detail: string): Problem {
  return new Problem("phones_away", { detail, headers: { "retry-after": RETRY_AFTER_S } });
}
