import type { Attributes, DecodeResult, ProtocolDecoder } from "#decoders/decoder.ts";
import type { FoldDevice } from "#store/fold-devices.ts";
import type { JournalFrame } from "#store/journal.ts";
import { fixesOf, REPORTS_PER_FRAME_MAX } from "./fold.ts";
import type { Fix } from "./stage.ts";

/** Why the stream can't use a frame; a label of the metric and the reason in the quarantine. */
export type QuarantineReason =
  | Extract<DecodeResult, { kind: "undecodable" }>["reason"]
  /** A bug of ours showed itself on this frame. */
  | "fault"
  /** The device is no longer registered. */
  | "device"
  /** No decoder has this protocol's name. */
  | "protocol";

export type FrameMeaning =
  | { kind: "note" }
  | { kind: "fixes"; fixes: Fix[]; memory: Attributes | undefined }
  | { kind: "unusable"; reason: QuarantineReason; detail: string; cause?: unknown };

export type FindDecoder = (protocol: string) => ProtocolDecoder | undefined;

/** What a frame of the journal means, given its device and what earlier frames asked to remember. Never throws. */
export function readFrame(
  frame: JournalFrame,
  device: FoldDevice | undefined,
  memory: Attributes,
  findDecoder: FindDecoder,
): FrameMeaning {
  if (frame.kind !== "frame") return { kind: "note" };
  if (device === undefined) return unusable("device", "the device is not registered any more");
  const decoder = findDecoder(frame.protocol);
  if (decoder === undefined) return unusable("protocol", `no decoder is named ${frame.protocol}`);
  try {
    const result = decoder.decode(frame.bytes, {
      transport: frame.transport,
      deviceUid: device.uid,
      model: device.model,
      receivedAtMs: frame.receivedAtMs,
      settings: device.settings,
      memory,
    });
    if (result.kind === "undecodable") return unusable(result.reason, result.detail);
    if (result.reports.length > REPORTS_PER_FRAME_MAX) {
      return unusable("value", `${result.reports.length} reports in one frame, at most ${REPORTS_PER_FRAME_MAX}`);
    }
    return { kind: "fixes", fixes: fixesOf(frame, result.reports), memory: result.memory };
  } catch (error) {
    return faultOf(error);
  }
}

/** A bug of ours on one frame: it is set aside and the partition goes on. */
export function faultOf(error: unknown): FrameMeaning & { kind: "unusable" } {
  const detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { kind: "unusable", reason: "fault", detail, cause: error };
}

function unusable(reason: QuarantineReason, detail: string): FrameMeaning {
  return { kind: "unusable", reason, detail };
}
