import { eventIdOf } from "../events.ts";
import type { DeviceStage, Fix, ItemSteps, StageContext, StageItem, StreamEvent } from "../stage.ts";
import type { Happening } from "./fence-machine.ts";
import { append, type History, historyInitial, insert, isLate, revise } from "./history.ts";
import { placeOf } from "./place.ts";
import type { Announced } from "./revision.ts";

/** `lateBy`: the newest late fix that has been put in its place and not been judged yet. Null before the first fence. */
export type GeofenceState = { readonly history: History; readonly lateBy: Cause | null } | null;

/** The fix that revealed something, as far as events tell of it. */
type Cause = {
  readonly deviceId: number;
  readonly fixId: number;
  readonly receivedAtMs: number;
  readonly late: boolean;
};

const FIX_IDS_PER_FRAME = 1024;

/** Geofences as a stage: `geofence.entered`, `geofence.exited` and `geofence.dwelled`. */
export const geofenceStage: DeviceStage<GeofenceState> & ItemSteps<GeofenceState> = {
  name: "geofence",
  version: 2,
  initial: null,
  run: (state, item, context) => {
    if (item.kind !== "fix" || context.fences === undefined) return { state, outputs: [item] };
    const place = placeOf(item.fix);
    if (place === undefined) return { state, outputs: [item] };
    const history = state?.history ?? historyInitial;
    if (isLate(history, place)) {
      return { state: { history: insert(history, place), lateBy: causeOf(item.fix, true) }, outputs: [item] };
    }
    const settled = settle(state, context);
    const cause = causeOf(item.fix, item.fix.late);
    const outputs: StageItem[] = [...settled.outputs, item];
    const announce = (happening: Happening): Announced => {
      const event = eventOf(happening, cause, null);
      outputs.push({ kind: "event", event });
      return announcedOf(event.eventId, happening);
    };
    const appended = append(settled.state?.history ?? historyInitial, place, context.fences, announce);
    return { state: { history: appended, lateBy: null }, outputs };
  },
  settle,
};

/** Late fixes of a frame are judged together: each alone would revise the same event again and again. */
function settle(
  state: GeofenceState,
  { fences }: StageContext,
): { state: GeofenceState; outputs: readonly StageItem[] } {
  if (state === null || state.lateBy === null || fences === undefined) return { state, outputs: [] };
  const cause = state.lateBy;
  const name = (happening: Happening): Announced => announcedOf(eventOf(happening, cause, null).eventId, happening);
  const { history, revision } = revise(state.history, fences, name);
  const events = [
    ...revision.added.map(({ happening, supersedes }) => eventOf(happening, cause, supersedes)),
    ...revision.withdrawn.map((announced) => withdrawalOf(announced, cause)),
  ];
  return { state: { history, lateBy: null }, outputs: events.map((event) => ({ kind: "event", event })) };
}

function causeOf({ deviceId, fixId, receivedAtMs }: Fix, late: boolean): Cause {
  return { deviceId, fixId, receivedAtMs, late };
}

function announcedOf(eventId: string, { type, fenceId, occurredAtMs }: Happening): Announced {
  return [eventId, type, fenceId, occurredAtMs];
}

function eventOf(happening: Happening, cause: Cause, supersedes: string | null): StreamEvent {
  const { type, fenceId, version, name, occurredAtMs, confidence, fixIds, basis } = happening;
  const data = { geofenceId: fenceId, version, name, confidence, fixIds: fixIds.map(String), basis };
  return revealed(`geofence.${type}`, fenceId, occurredAtMs, cause, { supersedes, data });
}

/** Says of an event that it never happened: the same type and time, with `withdrawn`. */
function withdrawalOf([eventId, type, fenceId, occurredAtMs]: Announced, cause: Cause): StreamEvent {
  const data = { geofenceId: fenceId, withdrawn: true, fixIds: [String(cause.fixId)] };
  return revealed(`geofence.${type}`, `withdrawn ${eventId}`, occurredAtMs, cause, { supersedes: eventId, data });
}

function revealed(
  type: StreamEvent["type"],
  subject: string | number,
  occurredAtMs: number,
  cause: Cause,
  rest: Pick<StreamEvent, "supersedes" | "data">,
): StreamEvent {
  const frameSeq = Math.floor(cause.fixId / FIX_IDS_PER_FRAME);
  return {
    eventId: eventIdOf(type, cause.deviceId, `${subject}|${frameSeq}|${occurredAtMs}`),
    type,
    deviceId: cause.deviceId,
    occurredAtMs,
    detectedAtMs: cause.receivedAtMs,
    replayed: cause.late,
    frameSeq,
    ...rest,
  };
}
