import { parseCapturedLine } from "../captured-request.ts";
import type { Transport } from "../decoder.ts";
import { frameOf, frameOfPost } from "./frame.ts";

/** The frame of a message or request that was written down; a payload by itself is one of an unknown topic. */
export function frameOfLine(line: string): { frame: Uint8Array; transport: Transport } | undefined {
  const captured = parseCapturedLine(line);
  switch (captured?.kind) {
    case undefined:
      return undefined;
    case "message":
      return { frame: frameOf(captured.topic, Buffer.from(captured.payload)), transport: "mqtt" };
    case "body":
      return { frame: frameOfPost({ body: Buffer.from(captured.body) }), transport: "http" };
    case "request": {
      const { path, headers, body } = captured.request;
      const query = new URLSearchParams(path.split("?")[1] ?? "");
      const user = headers["x-limit-u"] ?? query.get("u");
      const device = headers["x-limit-d"] ?? query.get("d");
      const named = { ...(user ? { user } : {}), ...(device ? { device } : {}) };
      return { frame: frameOfPost({ ...named, body: Buffer.from(body) }), transport: "http" };
    }
  }
}
