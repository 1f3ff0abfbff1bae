import type { FatalReason, ProtocolName, RejectReason, Transport } from "#decoders/decoder.ts";
import type { KnownDevice } from "./gateway-deps.ts";
import type { Tally } from "./metrics.ts";
import type { SharedContext } from "./session-context.ts";

type AsideContext = Pick<SharedContext, "quarantine" | "now" | "monotonicMs"> & {
  protocol: ProtocolName;
  tally: Tally;
};

/** Where bytes came from that are no frame, or none that may be kept; `device` where one is known. */
type Sender = { transport: Transport; remoteAddress: string; device: KnownDevice | undefined };

/** Counts bytes that are not what they say, and offers them to the quarantine, for people to look at. Never answered. */
export function setAside(
  { protocol, tally, quarantine, now, monotonicMs }: AsideContext,
  { transport, remoteAddress, device }: Sender,
  bytes: Uint8Array,
  reason: RejectReason | FatalReason,
  detail: string | null,
): void {
  tally.frames[reason] += 1;
  const whose = { deviceId: device?.deviceId ?? null, fleetId: device?.fleetId ?? null };
  const how = { protocol, transport, receivedAtMs: now(), remoteAddress };
  quarantine.offer({ ...whose, ...how, reason, detail, bytes }, monotonicMs());
}
