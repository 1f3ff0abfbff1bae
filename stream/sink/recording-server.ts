import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { type ParsedPoint, parseLine } from "./parse-line.ts";

/** Test support: a write API that keeps what it is sent, and misbehaves when told to. */

/** What to do with a request instead of storing it; `hang` never answers. `stored` answers 500 after storing. */
export type Misbehaviour =
  | { status: number; headers?: Record<string, string>; body?: string }
  | "hang"
  | "reset"
  | "stored";

export type RecordedRequest = { path: string; token: string | undefined; lines: string[]; atMs: number };

export type RecordingServer = Awaited<ReturnType<typeof openRecordingServer>>;

export async function openRecordingServer() {
  const requests: RecordedRequest[] = [];
  /** The last of each point, by measurement, tags and time, as InfluxDB keeps them. */
  const points = new Map<string, ParsedPoint>();
  let judge: (lines: readonly string[]) => Misbehaviour | undefined = () => undefined;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const bytes = Buffer.concat(chunks);
      const text = (request.headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes).toString();
      const lines = text.split("\n").filter((line) => line !== "");
      requests.push({ path: request.url ?? "", token: request.headers.authorization, lines, atMs: Date.now() });
      answer(judge(lines), lines, response);
    });
  });

  function answer(misbehaviour: Misbehaviour | undefined, lines: readonly string[], response: ServerResponse): void {
    if (misbehaviour === "hang") return;
    if (misbehaviour === "reset") return void response.socket?.destroy();
    if (misbehaviour === undefined || misbehaviour === "stored") for (const line of lines) store(parseLine(line));
    if (misbehaviour === undefined) response.writeHead(204).end();
    else if (misbehaviour === "stored") response.writeHead(500).end();
    else response.writeHead(misbehaviour.status, misbehaviour.headers).end(misbehaviour.body ?? "");
  }

  function store(point: ParsedPoint): void {
    const key = `${point.measurement}|${JSON.stringify(Object.entries(point.tags).sort())}|${point.timeNs}`;
    points.set(key, point);
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    points,
    /** Decides on each request from now on; undefined stores it. */
    judge: (next: typeof judge) => {
      judge = next;
    },
    /** Ids of the fixes stored. */
    fixIds: () => [...points.values()].flatMap(({ fields }) => (typeof fields.id === "string" ? [fields.id] : [])),
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
