/** Hands positions to the gateway's listener for phones, as a phone does: what it answers 200 to is committed. */

/** A location as the JSON form of that listener has it. */
export type PhoneLocation = {
  timestamp: string;
  coords: {
    latitude: number;
    longitude: number;
    accuracy?: number;
    speed?: number;
    heading?: number;
    altitude?: number;
  };
};

export type Handed =
  | { kind: "stored" }
  /** The gateway does not know the device or its password (any more). */
  | { kind: "notProved" }
  /** Nothing is known to be stored: to be sent again. */
  | { kind: "away"; detail: string };

export type HandPositions = (
  device: { uid: string; password: string },
  locations: readonly PhoneLocation[],
) => Promise<Handed>;

/** Above the time that the listener itself gives a commit. */
const TIMEOUT_MS = 20_000;

/** `url`: where the gateway listens for phones (OSMAND_PORT). */
export function openPhoneListener(url: string): HandPositions {
  return async ({ uid, password }, locations) => {
    try {
      const answer = await fetch(url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          authorization: `Basic ${Buffer.from(`:${password}`).toString("base64")}`,
        },
        body: JSON.stringify({ device_id: uid, location: locations }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
        redirect: "error",
      });
      await answer.arrayBuffer();
      if (answer.status === 200) return { kind: "stored" };
      if (answer.status === 401 || answer.status === 404) return { kind: "notProved" };
      return { kind: "away", detail: `The gateway answers ${answer.status}.` };
    } catch {
      return { kind: "away", detail: "The gateway does not answer." };
    }
  };
}
