import { encodeMessage, type Message } from "../message-frame.ts";

/** One HTTP request as the journal keeps it; see `message-frame.ts` for the bytes. */
export type OsmAndRequest = {
  method: string;
  /** Path with its query, as on the request line. */
  path: string;
  contentType?: string;
  body?: Uint8Array;
};

const NO_BODY = new Uint8Array(0);

/** The frame of a request. */
export function frameOf({ method, path, contentType, body }: OsmAndRequest): Uint8Array {
  const head: { [name: string]: string } = { method, path };
  if (contentType !== undefined) head.contentType = contentType;
  return encodeMessage(head, body ?? NO_BODY);
}

/** The parameters of a request that carries its report in the query or, with none there, as a form in the body. */
export function parametersOf(message: Message): URLSearchParams | undefined {
  const path = message.head.path;
  if (path === undefined) return undefined;
  const queryStart = path.indexOf("?");
  const query = new URLSearchParams(queryStart < 0 ? "" : path.slice(queryStart + 1));
  if (query.size > 0) return query;
  const { body } = message;
  return new URLSearchParams(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8").trim());
}

/** By its content type, or, where it names none, by its first byte. */
export function isJson(message: Message): boolean {
  const type = message.head.contentType?.split(";")[0]?.trim().toLowerCase();
  if (type === undefined) return message.body[0] === OPENING_BRACE || message.body[0] === OPENING_BRACKET;
  return type === "application/json" || type.endsWith("+json");
}

const OPENING_BRACE = 0x7b;
const OPENING_BRACKET = 0x5b;
