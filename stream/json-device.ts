import type { Attributes, DecodeContext, DecodeResult, ProtocolDecoder, Report } from "#decoders/decoder.ts";

/**
 * A device for the stream's own tests: a frame is a JSON array of reports. Text that is no JSON is undecodable, and the
 * frame `throw` makes the decoder fail as a bug of it would.
 */
export type JsonReport = {
  timeMs: number | null;
  latDeg?: number;
  lonDeg?: number;
  speedMps?: number;
  headingDeg?: number;
  kind?: Report["kind"];
  attributes?: Attributes;
};

export function jsonFrame(reports: readonly JsonReport[]): Uint8Array {
  return Buffer.from(`[${reports.map((report) => JSON.stringify(report)).join(",\n")}]`);
}

/** A decoder named `osmand` for which `edit` is the profile: what it makes of a report's attributes. */
export function jsonDecoder(
  edit: (attributes: Attributes) => Attributes = (attributes) => attributes,
): ProtocolDecoder {
  const notUsed = (): never => {
    throw new Error("the stream never delimits frames");
  };
  return {
    protocol: "osmand",
    frameBytesMax: 1 << 20,
    openStream: notUsed,
    readDatagram: notUsed,
    envelope: notUsed,
    decode: (frame, context) => decodeJson(frame, context, edit),
  };
}

function decodeJson(frame: Uint8Array, _context: DecodeContext, edit: (a: Attributes) => Attributes): DecodeResult {
  const text = Buffer.from(frame).toString();
  if (text === "throw") throw new RangeError("a bug of the decoder");
  if (!text.startsWith("[")) return { kind: "undecodable", reason: "layout", detail: "no list of reports" };
  const reports: Report[] = [];
  let bytesStart = 1;
  for (const line of text.slice(1, -1).split(",\n")) {
    const bytesEnd = bytesStart + Buffer.byteLength(line);
    if (line !== "") reports.push(reportOf(JSON.parse(line) as JsonReport, bytesStart, bytesEnd, edit));
    bytesStart = bytesEnd + 2;
  }
  return { kind: "decoded", reports };
}

function reportOf(
  given: JsonReport,
  bytesStart: number,
  bytesEnd: number,
  edit: (a: Attributes) => Attributes,
): Report {
  return {
    kind: given.kind ?? "fix",
    timeMs: given.timeMs,
    valid: given.latDeg !== undefined,
    latDeg: given.latDeg ?? null,
    lonDeg: given.lonDeg ?? null,
    altitudeM: 12,
    speedMps: given.speedMps ?? 13.9,
    headingDeg: given.headingDeg ?? 271,
    satellites: 9,
    hdop: 0.9,
    accuracyM: null,
    event: null,
    buffered: false,
    attributes: edit(given.attributes ?? {}),
    bytesStart,
    bytesEnd,
  };
}
