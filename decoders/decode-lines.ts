import { answerOf } from "./answer-of.ts";
import type { Attributes, Envelope, ProtocolDecoder, Report, Transport } from "./decoder.ts";
import { findDecoder } from "./index.ts";
import { hexOf } from "./outcome.ts";

/**
 * The engine of the `decode` command: hex frames in, one JSON object a report out, in order. A line is read as a piece of
 * a byte stream that may hold several frames; where the stream's framing does not accept its first bytes, it is tried as
 * one datagram. Protocols over HTTP and MQTT also take a request or a message as a JSON object. All lines belong to one connection: a login names the device of what follows.
 */
export type DecodeLinesOptions = {
  protocol: string;
  /** Device model from the registry's vocabulary; null picks the protocol's generic profile. */
  model: string | null;
  /** Hex of frames that came first on the connection (a login); read silently. */
  identify: string | null;
  lines: AsyncIterable<string>;
  write(line: string): void;
  /** When the frames are taken to have arrived, Unix milliseconds. */
  nowMs: number;
  /** Options of the device, as registered. */
  settings?: Attributes;
};

export type DecodeLinesResult =
  | { kind: "done"; lines: number; badLines: number }
  | { kind: "unknownProtocol" }
  | { kind: "badIdentify"; detail: string };

/** A line longer than this is not a frame of any protocol. */
export const LINE_CHARACTERS_MAX = 4 * 1024 * 1024;

export async function decodeLines(options: DecodeLinesOptions): Promise<DecodeLinesResult> {
  const decoder = findDecoder(options.protocol);
  if (!decoder) return { kind: "unknownProtocol" };
  const session = openSession(decoder, options);
  if (options.identify !== null) {
    const identify = parseHex(options.identify);
    if (identify.kind === "bad") return { kind: "badIdentify", detail: identify.detail };
    session.identify(identify.bytes);
  }
  let lines = 0;
  let badLines = 0;
  for await (const line of options.lines) {
    lines++;
    if (line.trim() === "") continue;
    const message = line.length > LINE_CHARACTERS_MAX ? undefined : decoder.frameOfLine?.(line);
    const parsed = message ? undefined : parseHex(line);
    if (parsed === undefined || parsed.kind === "ok") {
      const items = parsed ? session.read(parsed.bytes) : session.readFrame(message!.frame, message!.transport);
      for (const item of items) options.write(JSON.stringify(item));
      continue;
    }
    badLines++;
    options.write(JSON.stringify({ line: lines, error: { code: parsed.code, detail: parsed.detail } }));
  }
  return { kind: "done", lines, badLines };
}

type HexResult = { kind: "ok"; bytes: Uint8Array } | { kind: "bad"; code: string; detail: string };

function parseHex(line: string): HexResult {
  if (line.length > LINE_CHARACTERS_MAX) return { kind: "bad", code: "oversize", detail: "the line is too long" };
  const digits = line.replace(/\s+/g, "");
  const wrong = /[^0-9a-f]/i.exec(digits);
  if (wrong) return { kind: "bad", code: "hex", detail: `${JSON.stringify(wrong[0])} is not a hex digit` };
  if (digits.length % 2 === 1) return { kind: "bad", code: "hex", detail: "an odd number of hex digits" };
  return { kind: "ok", bytes: Uint8Array.from(Buffer.from(digits, "hex")) };
}

type Item = { [name: string]: unknown };

/** What the frames of one connection leave behind for those after them. */
function openSession(decoder: ProtocolDecoder, { model, nowMs, settings }: DecodeLinesOptions) {
  let sessionUid: string | null = null;
  let memory: Attributes | undefined;

  function read(bytes: Uint8Array): Item[] {
    const items: Item[] = [];
    for (const cut of cutsOf(decoder, bytes)) {
      if (cut.kind === "frame") items.push(...readFrame(cut.frame, cut.transport));
      else items.push({ ...headOf("rejected", sessionUid), reason: cut.reason, detail: cut.detail });
    }
    return items;
  }

  function readFrame(frame: Uint8Array, transport: Transport): Item[] {
    const envelope = decoder.envelope(frame, transport);
    if (envelope.kind === "rejected") return [{ ...headOf("rejected", sessionUid), reason: envelope.reason }];
    if (envelope.kind === "login") sessionUid = envelope.deviceUid;
    const known = envelope.deviceUid ?? sessionUid;
    const context = { transport, deviceUid: known, model, receivedAtMs: nowMs };
    const result = decoder.decode(frame, {
      ...context,
      ...(settings === undefined ? {} : { settings }),
      ...(memory === undefined ? {} : { memory }),
    });
    const ack = ackOf(envelope);
    if (result.kind === "undecodable") {
      return [{ ...headOf("undecodable", known), reason: result.reason, detail: result.detail, ...ack }];
    }
    if (result.memory) memory = { ...memory, ...result.memory };
    const uid = result.deviceUid ?? known;
    if (transport === "tcp") sessionUid = uid;
    return result.reports.map((report) => ({ ...itemOf(headOf(report.kind, uid), report), ...ack }));
  }

  function headOf(kind: string, deviceUid: string | null): Item {
    return { protocol: decoder.protocol, kind, deviceUid };
  }

  /** A captured login: taken as it is where the protocol can, read like any other frame otherwise. */
  function identify(bytes: Uint8Array): void {
    const known = decoder.identify?.(bytes);
    if (known === undefined) {
      read(bytes);
      return;
    }
    sessionUid = known.deviceUid;
    memory = { ...memory, ...known.memory };
  }

  return { read, readFrame, identify };
}

function ackOf(envelope: Envelope): { ack?: string } {
  const bytes = answerOf(envelope);
  return bytes === undefined ? {} : { ack: hexOf(bytes) };
}

/** The fields of a report as `decode` writes them; those that say nothing are left out behind the fixed ones. */
function itemOf(head: Item, report: Report): Item {
  return {
    ...head,
    time: isoTime(report.timeMs),
    valid: report.valid,
    lat: report.latDeg,
    lon: report.lonDeg,
    altitudeM: report.altitudeM,
    speedMps: report.speedMps,
    headingDeg: report.headingDeg,
    satellites: report.satellites,
    hdop: report.hdop,
    ...(report.accuracyM === null ? {} : { accuracyM: report.accuracyM }),
    event: report.event,
    ...(report.buffered ? { buffered: true } : {}),
    attributes: report.attributes,
  };
}

const TIME_MS_MAX = 8.64e15;

function isoTime(timeMs: number | null): string | null {
  return timeMs === null || Math.abs(timeMs) > TIME_MS_MAX ? null : new Date(timeMs).toISOString();
}

type LineCut =
  | { kind: "frame"; frame: Uint8Array; transport: Transport }
  | { kind: "rejected"; reason: string; detail: string };

/** The frames of a line. What is left at its end is a frame that claims more bytes than there are: `length`. */
function cutsOf(decoder: ProtocolDecoder, bytes: Uint8Array): LineCut[] {
  const framer = decoder.openStream();
  const cuts: LineCut[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const result = framer.next(rest);
    if (rest === bytes && result.kind !== "frame") {
      const datagram = decoder.readDatagram(bytes);
      if (datagram.kind === "frame") return [{ kind: "frame", frame: datagram.frame, transport: "udp" }];
    }
    switch (result.kind) {
      case "frame":
        cuts.push({ kind: "frame", frame: Uint8Array.from(result.frame), transport: "tcp" });
        break;
      case "rejected":
        cuts.push(rejected(result.reason, `${result.consumed} bytes skipped`));
        break;
      case "fatal":
        return [...cuts, rejected(result.reason, `framing lost, ${rest.length} bytes unread`)];
      case "incomplete":
        return [...cuts, rejected("length", `${result.needed} bytes wanted, ${rest.length} there`)];
    }
    rest = rest.subarray(result.consumed);
  }
  return cuts;
}

function rejected(reason: string, detail: string): LineCut {
  return { kind: "rejected", reason, detail };
}
