import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Attributes, ProtocolDecoder, Transport } from "./decoder.ts";
import { findDecoder } from "./index.ts";
import { type Cut, contextOf, cutDatagram, cutStream, readFrame } from "./outcome.ts";

/**
 * Golden frames: bytes whose meaning somebody vouches for, one JSON file each in `decoders/<protocol>/frames/`.
 *
 * `hex` is what arrives (several frames back to back on a stream; one datagram or message otherwise), `expect` what must
 * come of it, in order. The outcome of a kept frame is its envelope and its decoded reports, bytes as hex.
 */
export type Golden = {
  /** Where the bytes and their meaning come from. */
  source: string;
  transport: Transport;
  hex: string;
  deviceUid?: string;
  model?: string;
  receivedAtMs?: number;
  settings?: Attributes;
  memory?: Attributes;
  expect: GoldenOutcome[];
};

export type GoldenOutcome = Exclude<Cut, { kind: "frame" }> | ({ kind: "frame" } & ReturnType<typeof readFrame>);

/** The golden frames of a folder by file name. */
export function readGoldens(folder: string): Map<string, Golden> {
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  return new Map(names.sort().map((name) => [name, JSON.parse(readFileSync(join(folder, name), "utf8")) as Golden]));
}

/** What the decoder makes of a golden frame, in the form of `expect`. */
export function replayGolden(decoder: ProtocolDecoder, golden: Omit<Golden, "expect">): GoldenOutcome[] {
  const bytes = Buffer.from(golden.hex, "hex");
  const { deviceUid, model, receivedAtMs, settings, memory } = golden;
  const context = contextOf(golden.transport, {
    ...(deviceUid === undefined ? {} : { deviceUid }),
    ...(model === undefined ? {} : { model }),
    ...(receivedAtMs === undefined ? {} : { receivedAtMs }),
    ...(settings === undefined ? {} : { settings }),
    ...(memory === undefined ? {} : { memory }),
  });
  const outcomes = cutsOf(decoder, golden.transport, bytes).map((cut): GoldenOutcome => {
    if (cut.kind !== "frame") return cut;
    return { kind: "frame", ...readFrame(decoder, Buffer.from(cut.hex, "hex"), context) };
  });
  return JSON.parse(JSON.stringify(outcomes)) as GoldenOutcome[];
}

function cutsOf(decoder: ProtocolDecoder, transport: Transport, bytes: Uint8Array): Cut[] {
  switch (transport) {
    case "tcp":
      return cutStream(decoder, bytes);
    case "udp":
      return [cutDatagram(decoder, bytes)];
    case "mqtt":
    case "http":
      return [{ kind: "frame", hex: Buffer.from(bytes).toString("hex") }];
  }
}

/**
 * `node decoders/golden.ts PROTOCOL FILE…` fills in `expect` from what the decoder says now. The answer is a draft: read
 * it against the source before it is committed.
 */
function draftGoldens(protocol: string, files: readonly string[]): void {
  const decoder = findDecoder(protocol);
  if (!decoder) throw new Error(`no decoder is called ${protocol}`);
  for (const file of files) {
    const golden = JSON.parse(readFileSync(file, "utf8")) as Omit<Golden, "expect">;
    writeFileSync(file, `${JSON.stringify({ ...golden, expect: replayGolden(decoder, golden) }, null, 2)}\n`);
  }
}

if (import.meta.main) draftGoldens(process.argv[2] ?? "", process.argv.slice(3));
