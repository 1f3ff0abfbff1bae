import type { TrackView } from "../../../tracking/track-json.ts";

export type FollowOptions = {
  token: string;
  /** The tag of the state that is known already. */
  tag: string;
  onState: (view: TrackView) => void;
  /** Whether news can reach us. */
  onConnection: (isConnected: boolean) => void;
  /** The link answers no more. */
  onGone: () => void;
};

/** A page that nobody looks at for this long lets go of its stream. */
const HIDDEN_MS_MAX = 60_000;
/** Losses shorter than this are not worth a word. */
const LOST_MS_MIN = 6_000;
const POLL_MS_MIN = 5_000;
/** A stream says something every 15 s; one that is silent for this long is not connected any more, whatever the browser says. */
const SILENCE_MS_MAX = 45_000;

/**
 * Follows a link: by its stream, and by asking now and then where streams do not get through.
 *
 * States: streaming, lost (the browser tries again by itself, the page where the stream fell silent), polling (the stream was refused), asleep (page hidden), gone.
 */
export function follow({ token, onState, onConnection, onGone, ...options }: FollowOptions): void {
  let tag = options.tag;
  let source: EventSource | undefined;
  let pollTimer: ReturnType<typeof setTimeout> | undefined;
  let lostTimer: ReturnType<typeof setTimeout> | undefined;
  let sleepTimer: ReturnType<typeof setTimeout> | undefined;
  let silenceTimer: ReturnType<typeof setTimeout> | undefined;
  let gone = false;

  const heard = () => {
    clearTimeout(lostTimer);
    lostTimer = undefined;
    onConnection(true);
  };
  const missed = () => {
    lostTimer ??= setTimeout(() => onConnection(false), LOST_MS_MIN);
  };
  const stop = () => {
    source?.close();
    source = undefined;
    clearTimeout(pollTimer);
    clearTimeout(lostTimer);
    clearTimeout(silenceTimer);
    lostTimer = undefined;
  };
  const end = () => {
    gone = true;
    stop();
    onGone();
  };

  const poll = async () => {
    let waitMs = POLL_MS_MIN;
    try {
      const answer = await fetch(`/v1/track/${token}`, { headers: { "if-none-match": `"${tag}"` } });
      if (gone) return;
      if (answer.status === 404) return end();
      if (answer.ok) {
        const view = (await answer.json()) as TrackView;
        tag = answer.headers.get("etag")?.replaceAll('"', "") ?? tag;
        waitMs = Math.max(waitMs, view.poll_after_ms);
        onState(view);
      }
      if (answer.ok || answer.status === 304) heard();
      else missed();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      missed();
    }
    pollTimer = setTimeout(() => void poll(), waitMs);
  };

  const stream = () => {
    source = new EventSource(`/v1/track/${token}/stream`);
    const listen = () => {
      clearTimeout(silenceTimer);
      silenceTimer = setTimeout(renew, SILENCE_MS_MAX);
    };
    const alive = () => {
      listen();
      heard();
    };
    listen();
    source.addEventListener("open", alive);
    source.addEventListener("beat", alive);
    source.addEventListener("track", (message) => {
      alive();
      tag = message.lastEventId;
      onState(JSON.parse(message.data) as TrackView);
    });
    source.addEventListener("closed", end);
    source.addEventListener("error", () => {
      missed();
      // The browser tries again by itself unless the answer was a refusal.
      if (source?.readyState === EventSource.CLOSED) {
        stop();
        void poll();
      }
    });
  };

  const renew = () => {
    stop();
    missed();
    stream();
  };

  document.addEventListener("visibilitychange", () => {
    if (gone) return;
    clearTimeout(sleepTimer);
    if (document.hidden) sleepTimer = setTimeout(stop, HIDDEN_MS_MAX);
    else if (source === undefined) {
      stop();
      stream();
    }
  });
  stream();
}
