import type { DriverDay } from "../../../driver/day-json.ts";
import type { Position } from "../../../driver/positions.ts";
import {
  addPosition,
  countPositions,
  dropMessage,
  keep,
  type Message,
  putMessage,
  readMessages,
  recall,
} from "./outbox.ts";
import { sendOutbox } from "./sender.ts";
import { positionNow, type Sharing, shareLocation } from "./sharing.ts";

/** What the page shows. */
export type WorkState = {
  day: DriverDay | undefined;
  messages: readonly Message[];
  positions: number;
  /** The link answers no more. */
  isClosed: boolean;
  isOnline: boolean;
  isSending: boolean;
  isSharing: boolean;
  trouble: "denied" | "unknown" | null;
  /** The phone keeps nothing more: its storage is full or forbidden. */
  isFull: boolean;
};

export type Work = ReturnType<typeof openWork>;

/** How often the outbox is tried and the day is asked for anew. */
const ROUND_MS = 15_000;
/** Sooner where something waits, but the server did not answer. */
const RETRY_MS = 4_000;
const DAY_TIMEOUT_MS = 10_000;
/** A claim is kept soon, with or without a place. */
const CLAIM_POSITION_MS = 2_000;
/** What the phone knew last, for a start without a network; of one link at a time. */
const DAY = "day";
const SHARING = "sharing";

/** The driver's work behind one link: the day, what was said and is not stored yet, where the phone is. */
export function openWork(token: string, onState: (state: WorkState) => void) {
  let state: WorkState = {
    ...{ day: undefined, messages: [], positions: 0, isClosed: false, isOnline: navigator.onLine, isSending: false },
    ...{ isSharing: false, trouble: null, isFull: false },
  };
  let sharing: Sharing | undefined;
  let isAskedAgain = false;
  let retry: ReturnType<typeof setTimeout> | undefined;

  const set = (change: Partial<WorkState>): void => {
    state = { ...state, ...change };
    onState(state);
  };

  const count = async (): Promise<void> => {
    const [messages, positions] = await Promise.all([readMessages(), countPositions()]);
    set({ messages, positions });
  };

  /** Puts something into the outbox; only then it is said. */
  const put = async (write: () => Promise<void>): Promise<boolean> => {
    try {
      await write();
      set({ isFull: false });
    } catch {
      set({ isFull: true });
      return false;
    }
    await count();
    void send();
    return true;
  };

  async function send(): Promise<void> {
    const { day, isSending } = state;
    if (day === undefined) return;
    isAskedAgain = isSending;
    if (isSending) return;
    set({ isSending: true });
    const before = state.messages.length;
    const sent = await sendOutbox(token, day.driver.id, () => void count()).catch(() => "unreachable" as const);
    await count();
    set({ isSending: false, isOnline: sent !== "unreachable", isClosed: sent === "closed" || state.isClosed });
    if (state.messages.length < before) await readDay();
    clearTimeout(retry);
    if (isAskedAgain && sent === "all") void send();
    if (sent === "unreachable") retry = setTimeout(() => void send(), RETRY_MS);
  }

  async function readDay(): Promise<void> {
    try {
      const response = await fetch(`/v1/driver/${token}`, { signal: AbortSignal.timeout(DAY_TIMEOUT_MS) });
      if (response.status === 404) {
        set({ isClosed: true, isOnline: true, day: undefined });
        share(false);
        await keep(DAY, undefined);
      }
      if (!response.ok) return;
      const day = (await response.json()) as DriverDay;
      set({ day, isOnline: true, isClosed: false });
      await keep(DAY, { token, day });
    } catch {
      set({ isOnline: false });
    }
  }

  function share(isWanted: boolean): void {
    sharing?.close();
    sharing = undefined;
    const driverId = state.day?.driver.id;
    if (isWanted && driverId !== undefined) {
      const onPosition = (position: Position) => void put(() => addPosition({ driverId, position }));
      sharing = shareLocation(onPosition, (trouble) => set({ trouble }));
    }
    set({ isSharing: sharing !== undefined, trouble: null });
  }

  async function round(): Promise<void> {
    await readDay();
    await send();
  }

  const start = async (): Promise<void> => {
    const kept = await recall<{ token: string; day: DriverDay }>(DAY);
    if (kept?.token === token) set({ day: kept.day });
    await count();
    await readDay();
    if (await recall<boolean>(SHARING)) share(!state.isClosed);
    await send();
    setInterval(() => document.visibilityState === "visible" && void round(), ROUND_MS);
    window.addEventListener("online", () => void round());
    window.addEventListener("offline", () => set({ isOnline: false }));
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && void round());
  };

  const say = (stopId: string, content: Message["content"]): Promise<boolean> => {
    const driverId = state.day!.driver.id;
    const message = { id: crypto.randomUUID(), driverId, stopId, madeAtMs: Date.now(), content, refusal: null };
    return put(() => putMessage(message));
  };

  return {
    start,
    share: async (isWanted: boolean): Promise<void> => {
      share(isWanted);
      await keep(SHARING, isWanted);
    },
    claim: async (stopId: string, claim: "arrived" | "departed"): Promise<void> => {
      const at = new Date().toISOString();
      const position = await positionNow(CLAIM_POSITION_MS);
      const { lat, lon, accuracyM } = position ?? {};
      await say(stopId, {
        ...{ kind: "claim", claim },
        fields: lat === undefined || lon === undefined ? { at } : { at, lat, lon, accuracyM: accuracyM ?? 0 },
      });
    },
    prove: say,
    retry: async (message: Message): Promise<void> => {
      await put(() => putMessage({ ...message, refusal: null }));
    },
    discard: async (id: string): Promise<void> => {
      await dropMessage(id);
      await count();
    },
  };
}
