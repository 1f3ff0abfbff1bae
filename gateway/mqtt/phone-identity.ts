import { uidOfTopic } from "#decoders/owntracks/index.ts";
import { TOPIC_BYTES_MAX } from "../maxima.ts";

/**
 * Who an MQTT client is, as OwnTracks tells it. The device is `user/device`; the app logs in with the user as user name,
 * a client id made of both, and a last will on the device's own topic.
 */

/** What a CONNECT says about its sender. */
export type PhoneLogin = { clientId: string; username: string | undefined; willTopic: string | undefined };

const ROOT = "owntracks";

/** Uids that a login may mean, the plainest first: at most five. */
export function candidateUids(login: PhoneLogin): string[] {
  const { clientId, username } = login;
  const named = namedUids(login);
  if (username === undefined || username === "" || username.includes("/")) return named;
  const rest = clientId.startsWith(username) ? clientId.slice(username.length).replace(/^[^\p{L}\p{N}]+/u, "") : "";
  const composed = [rest, clientId].filter((device) => device !== "").map((device) => `${username}/${device}`);
  return [...new Set([...named, ...composed])].filter((uid) => uid.startsWith(`${username}/`));
}

/** The uids that a login names in full. */
export function namedUids({ clientId, username, willTopic }: PhoneLogin): string[] {
  const ofWill = willTopic?.startsWith(`${ROOT}/`) ? uidOfTopic(willTopic) : undefined;
  const uids = [username, ofWill, clientId].filter((text) => text !== undefined).filter(isUid);
  return [...new Set(username !== undefined && isUid(username) ? [username] : uids)];
}

/**
 * True when the client id may be that of the device: empty, its uid, its last part, or user and device run together in
 * any way the apps do. Another device's id would put out that device where a broker goes by client ids.
 */
export function isClientIdOf(uid: string, clientId: string): boolean {
  const plain = plainText(clientId);
  return plain === "" || plain === plainText(uid) || plain === plainText(uid.split("/").at(-1) ?? "");
}

/** True when a device may publish under `topic`: `owntracks/<user>/<device>` and what is below it. */
export function mayPublish(uid: string, topic: string): boolean {
  const base = `${ROOT}/${uid}`;
  return (topic === base || topic.startsWith(`${base}/`)) && Buffer.byteLength(topic) <= TOPIC_BYTES_MAX;
}

/** True when a device may subscribe to `filter`: its own commands, no wildcard. */
export function maySubscribe(uid: string, filter: string): boolean {
  return filter === commandTopic(uid);
}

export function commandTopic(uid: string): string {
  return `${ROOT}/${uid}/cmd`;
}

/** The device of a topic below our root. */
export function uidOfPublish(topic: string): string | undefined {
  const [root, user, device] = topic.split("/");
  return root === ROOT && user && device && topic.length <= TOPIC_BYTES_MAX ? `${user}/${device}` : undefined;
}

function isUid(text: string): boolean {
  return /^[^/]+\/[^/]+$/.test(text);
}

function plainText(text: string): string {
  return text.replace(/[^\p{L}\p{N}]/gu, "").toLowerCase();
}
