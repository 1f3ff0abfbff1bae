import type { ApiClient } from "../api-client.ts";
import { plainWords, timeWords } from "./delivery-words.ts";
import type { Notification } from "./stop-json.ts";
import { useAsked } from "./use-asked.ts";

type NotificationsProps = { client: ApiClient; stopId: string; revision: number };

/** What the person waiting was told, by which way, and what was not sent and why. */
export function NotificationsOfStop({ client, stopId, revision }: NotificationsProps) {
  const told = useAsked<{ data: Notification[] }>(client, `/v1/stops/${stopId}/notifications`, revision);
  return (
    <section aria-labelledby="told-title">
      <h3 id="told-title">Told to the person waiting</h3>
      {told.kind === "refused" && <p class="small soft">{told.why}</p>}
      {told.kind === "said" && told.said.data.length === 0 && <p class="small soft">Nothing yet.</p>}
      {told.kind === "said" && (
        <ul class="told small">
          {told.said.data.map((notification) => (
            <li key={`${notification.trigger} ${notification.threshold}`}>
              <strong>{triggerWords(notification)}</strong> <span class="soft">{timeWords(notification.dueAt)}</span>
              {notification.messages.map(({ channel, state, reason }) => (
                <span key={channel}>
                  {" "}
                  · {channel === "sms" ? "SMS" : "e-mail"} {state}
                  {reason !== null && `: ${plainWords(reason)}`}
                </span>
              ))}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

const TRIGGER_WORDS: Readonly<Record<string, string>> = {
  routeStarted: "Route started",
  arrived: "Arrived",
  delivered: "Delivered",
  failed: "Failed",
  delayed: "Delayed",
};

function triggerWords({ trigger, threshold }: Notification): string {
  if (trigger === "stopsAway") return `${threshold} stops away`;
  if (trigger === "minutesAway") return `${threshold} minutes away`;
  return TRIGGER_WORDS[trigger] ?? plainWords(trigger);
}
