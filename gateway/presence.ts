import type { ListenerTransport } from "./gateway-deps.ts";
import type { DisconnectedNote, NoteSubject } from "./notes.ts";
import type { GatewaySession, SharedContext } from "./session-context.ts";

type PresenceContext = Pick<SharedContext, "live" | "notes" | "monotonicMs"> & { transport: ListenerTransport };

/** Makes `session` the device's live one and notes it. One that it replaced, and that may be another device, is noted too. */
export function enter(context: PresenceContext, session: GatewaySession, about: NoteSubject): void {
  const { live, notes, monotonicMs, transport } = context;
  const { authLevel } = session;
  const previous = live.enter(about.device.deviceId, session, monotonicMs());
  notes.write("connected", about, { authLevel, transport, sessions: 1 });
  if (previous === undefined) return;
  notes.write("conflict", about, {
    authLevel,
    previousAuthLevel: previous.authLevel,
    previousAddress: previous.remoteAddress,
    previousSilentMs: previous.silentMs(monotonicMs()),
  });
}

/** The session of the device has ended; it is noted whether another has taken its place. */
export function leave(
  { live, notes, transport }: PresenceContext,
  session: GatewaySession,
  about: NoteSubject,
  end: Pick<DisconnectedNote, "closeReason" | "durationMs" | "frames" | "rejectedFrames">,
): void {
  const wasLive = live.leave(about.device.deviceId, session);
  notes.write("disconnected", about, {
    authLevel: session.authLevel,
    transport,
    sessions: wasLive ? 0 : 1,
    ...end,
  });
}
