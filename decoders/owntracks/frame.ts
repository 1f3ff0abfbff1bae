import { encodeMessage, type Message } from "../message-frame.ts";

/**
 * Frames of OwnTracks: a publish over MQTT, or one POST of the app's HTTP mode. See `message-frame.ts` for the bytes; the
 * head of a publish is `{"topic"}`, the head of a POST has `user` and `device` as far as the request named them.
 */

/** The frame of one MQTT publish. */
export function frameOf(topic: string, payload: Uint8Array): Uint8Array {
  return encodeMessage({ topic }, payload);
}

/** The frame of one HTTP POST: `user` and `device` from `X-Limit-U` and `X-Limit-D` or from `?u=&d=`. */
export function frameOfPost(request: { user?: string; device?: string; body: Uint8Array }): Uint8Array {
  const head: { [name: string]: string } = {};
  if (request.user !== undefined) head.user = request.user;
  if (request.device !== undefined) head.device = request.device;
  return encodeMessage(head, request.body);
}

/** What follows `owntracks/<user>/<device>` in topics that are not the location's. */
const TOPIC_SUFFIXES = new Set([
  "cmd",
  "event",
  "waypoint",
  "waypoints",
  "step",
  "beacon",
  "dump",
  "status",
  "info",
  "request",
]);

/** `user/device` of a topic; the root and its depth are a setting of the app, so the last two parts count. */
export function uidOfTopic(topic: string): string | undefined {
  const parts = topic.split("/").filter((part) => part !== "");
  if (parts.length > 2 && TOPIC_SUFFIXES.has(parts.at(-1) ?? "")) parts.pop();
  return parts.length === 0 ? undefined : parts.slice(-2).join("/");
}

/** The device as the transport names it, before the payload is looked at. */
export function uidOfMessage({ head }: Message): string | undefined {
  if (head.topic !== undefined) return uidOfTopic(head.topic);
  if (head.user && head.device) return `${head.user}/${head.device}`;
  return head.device || head.user || undefined;
}
