import { type Static, Type } from "typebox";
import type { QuarantinedFrame } from "#store/quarantine-reads.ts";
import { Nullable, named, Time, timeText, timeTextOrNull } from "./schemas.ts";

export const Quarantined = named(
  "QuarantinedFrame",
  Type.Object({
    id: Type.String(),
    source: Type.Enum(["gateway", "stream"], {
      description: "gateway: refused, never acknowledged. stream: acknowledged and kept, not understood yet",
    }),
    deviceUid: Nullable(Type.String()),
    protocol: Type.String(),
    transport: Type.String(),
    receivedAt: Time,
    remoteAddress: Nullable(Type.String()),
    reason: Type.String(),
    detail: Nullable(Type.String()),
    sizeBytes: Type.Integer(),
    retryRequestedAt: Nullable(Time),
    resolvedAt: Nullable(Time),
  }),
);

export function quarantinedJson(frame: QuarantinedFrame): Static<typeof Quarantined> {
  const { quarantineId, ...rest } = frame;
  return {
    ...rest,
    id: quarantineId,
    source: frame.source === "gateway" ? "gateway" : "stream",
    receivedAt: timeText(frame.receivedAt),
    retryRequestedAt: timeTextOrNull(frame.retryRequestedAt),
    resolvedAt: timeTextOrNull(frame.resolvedAt),
  };
}
