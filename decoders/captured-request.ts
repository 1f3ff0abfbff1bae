/**
 * An HTTP request or an MQTT message that a person wrote down, one JSON object a line:
 * `{"method", "path" | "url" | "query", "headers", "body"}`, alone or under `http`; `{"topic", "payload"}`.
 */
export type CapturedRequest = {
  method: string;
  path: string;
  /** By lower-case name. */
  headers: { readonly [name: string]: string };
  body: string;
};

export type CapturedLine =
  | { kind: "request"; request: CapturedRequest }
  | { kind: "message"; topic: string; payload: string }
  /** Some other JSON: a body by itself. */
  | { kind: "body"; body: string };

type JsonObject = { [name: string]: unknown };

/** Undefined where the line is no JSON object. */
export function parseCapturedLine(line: string): CapturedLine | undefined {
  const text = line.trim();
  const value = text.startsWith("{") || text.startsWith("[") ? parse(text) : undefined;
  if (value === undefined) return undefined;
  if (Array.isArray(value)) return { kind: "body", body: text };
  const object = value as JsonObject;
  const inner = object.http;
  const request = isObject(inner) ? inner : object;
  if (request === inner || typeof object.method === "string") return { kind: "request", request: requestOf(request) };
  if (typeof object.topic === "string" && "payload" in object) {
    return { kind: "message", topic: object.topic, payload: textOf(object.payload) };
  }
  return { kind: "body", body: text };
}

function requestOf(request: JsonObject): CapturedRequest {
  const headers: { [name: string]: string } = {};
  for (const [name, value] of Object.entries(isObject(request.headers) ? request.headers : {})) {
    headers[name.toLowerCase()] = textOf(value);
  }
  const { path, url, query } = request;
  const address = textOf(path ?? url ?? (query === undefined ? "/" : `/?${textOf(query).replace(/^\?/, "")}`));
  return {
    method: textOf(request.method ?? "POST"),
    path: withoutOrigin(address),
    headers,
    body: textOf(request.body),
  };
}

function withoutOrigin(address: string): string {
  return address.replace(/^https?:\/\/[^/?]*/i, "") || "/";
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A text as it is, anything else as JSON, nothing as "". */
function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  return value === undefined || value === null ? "" : JSON.stringify(value);
}
