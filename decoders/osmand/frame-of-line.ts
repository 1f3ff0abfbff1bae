import { parseCapturedLine } from "../captured-request.ts";
import type { Transport } from "../decoder.ts";
import { frameOf, type OsmAndRequest } from "./frame.ts";

/** The frame of a request that was written down: as JSON, as its path, or as a JSON body by itself. */
export function frameOfLine(line: string): { frame: Uint8Array; transport: Transport } | undefined {
  const request = requestOf(line.trim());
  return request && { frame: frameOf(request), transport: "http" };
}

function requestOf(line: string): OsmAndRequest | undefined {
  const path = /^(?:GET |POST )?(?:https?:\/\/[^/?]*)?(\/?\?.*?|\/[^ ]*\?.*?)(?: HTTP\/[\d.]+)?$/i.exec(line)?.[1];
  if (path !== undefined) return { method: "GET", path };
  const captured = parseCapturedLine(line);
  switch (captured?.kind) {
    case undefined:
      return undefined;
    case "message":
      return jsonRequest(captured.payload);
    case "body":
      return jsonRequest(captured.body);
    case "request": {
      const { method, headers, body } = captured.request;
      const contentType = headers["content-type"];
      const typed = contentType === undefined ? {} : { contentType };
      return { method, path: captured.request.path, ...typed, body: Buffer.from(body) };
    }
  }
}

function jsonRequest(body: string): OsmAndRequest {
  return { method: "POST", path: "/", contentType: "application/json", body: Buffer.from(body) };
}
