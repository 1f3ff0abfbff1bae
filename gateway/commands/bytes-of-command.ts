import type { DecodeContext, ProtocolDecoder, ProtocolName, Transport } from "#decoders/decoder.ts";
import type { CommandOutcome, OpenCommand } from "#store/command-delivery.ts";
import type { CommandAdapter, EncodedCommand } from "./adapter.ts";
import { findCommandAdapter } from "./prepare.ts";

/** A frame of the device that was journalled. */
export type CommittedFrame = { seq: number; bytes: Uint8Array; transport: Transport; receivedAtMs: number };

/** The command in the bytes of its protocol, for a connection that speaks `spoken`; or why it can't be. */
export function encodeFor(
  spoken: ProtocolName,
  command: OpenCommand,
): { adapter: CommandAdapter; encoded: EncodedCommand } | { misfit: string } {
  const adapter = findCommandAdapter(command.protocol);
  if (adapter === undefined || spoken !== command.protocol) {
    return { misfit: `the device speaks ${spoken}, the command ${command.protocol}` };
  }
  const misfit = adapter.misfitOf(command.text, command.options);
  return misfit === undefined ? { adapter, encoded: adapter.encode(command) } : { misfit };
}

/** What the frame says about the command, where it is its answer. */
export function readOutcome(
  findDecoder: (protocol: ProtocolName) => ProtocolDecoder | undefined,
  { deviceUid, model, settings, protocol }: OpenCommand,
  { adapter, key }: { adapter: CommandAdapter; key: string | null },
  { seq, bytes, transport, receivedAtMs }: CommittedFrame,
): CommandOutcome | undefined {
  const context: DecodeContext = { transport, deviceUid, model, receivedAtMs, settings };
  const decoded = findDecoder(protocol)?.decode(bytes, context);
  if (decoded?.kind !== "decoded") return undefined;
  for (const report of decoded.reports) {
    const reply = adapter.readReply(report, key);
    if (reply !== undefined) return { result: reply.result, answer: reply.text, frameSeq: seq };
  }
  return undefined;
}
