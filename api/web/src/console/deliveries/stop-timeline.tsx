import type { ApiClient } from "../api-client.ts";
import { dayTimeWords, plainWords, timeWords, verdictWords } from "./delivery-words.ts";
import type { Moment } from "./stop-json.ts";
import { useAsked } from "./use-asked.ts";

type TimelineProps = { client: ApiClient; stopId: string; revision: number };

/** Everything that happened at a stop, oldest first. */
export function StopTimeline({ client, stopId, revision }: TimelineProps) {
  const stop = useAsked<{ createdAt: string }>(client, `/v1/stops/${stopId}`, 0);
  const moments = useAsked<{ data: Moment[] }>(client, `/v1/stops/${stopId}/timeline`, revision);
  if (moments.kind !== "said") {
    return <p class="small soft">{moments.kind === "refused" ? moments.why : "Reading …"}</p>;
  }
  const planned: Moment[] =
    stop.kind === "said" ? [{ type: "planned", at: stop.said.createdAt, replayed: false, data: {} }] : [];
  const all = [...planned, ...moments.said.data].sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  return (
    <section aria-labelledby="timeline-title">
      <h3 id="timeline-title">What happened</h3>
      <ol class="timeline small">
        {all.map((moment, i) => (
          <li key={`${moment.type} ${moment.at} ${i}`} class={kindOf(moment)}>
            <time dateTime={moment.at} title={dayTimeWords(moment.at)}>
              {timeWords(moment.at)}
            </time>
            <span class="moment">
              {momentWords(moment)}
              {moment.replayed && <em class="soft"> · found out later</em>}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

const WORDS: Readonly<Record<string, string>> = {
  planned: "Planned",
  "stop.en_route": "On the way here",
  "stop.approaching": "Approaching",
  "stop.arrived": "Arrived",
  "stop.departed": "Left",
  "stop.missed": "Driven past",
  "stop.at_risk": "More likely late than not",
  "link.created": "Tracking link made",
  "link.revoked": "Tracking link revoked",
};

function momentWords({ type, data }: Moment): string {
  const text = (name: string): string | null => (typeof data[name] === "string" ? data[name] : null);
  const [p50, p90, verdict] = [text("p50"), text("p90"), text("verdict")];
  if (type === "eta.told" && p50 !== null && p90 !== null) {
    const reason = text("changeReason");
    return `Told: ${timeWords(p50)}, by ${timeWords(p90)}${reason === null ? "" : ` (${plainWords(reason)})`}`;
  }
  if (type === "pod.received") return `Proof received${text("outcome") === null ? "" : `: ${text("outcome")}`}`;
  if (type.startsWith("pod.verdict") && verdict !== null) {
    const revised = type === "pod.verdict.revised" ? "Verdict revised" : "Verdict";
    return `${revised}: ${verdictWords(verdict).toLowerCase()}`;
  }
  return WORDS[type] ?? plainWords(type);
}

function kindOf({ type }: Moment): string {
  if (type === "stop.at_risk" || type === "stop.missed") return "warn";
  return type.startsWith("stop.") || type.startsWith("pod.") ? "main" : "side-note";
}
