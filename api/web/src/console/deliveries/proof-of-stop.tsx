import { useState } from "preact/hooks";
import type { ApiClient } from "../api-client.ts";
import { dayTimeWords, plainWords, verdictWords } from "./delivery-words.ts";
import { OverrideForm } from "./override-form.tsx";
import type { Pod, Reason } from "./stop-json.ts";
import { useAsked } from "./use-asked.ts";

type ProofProps = {
  client: ApiClient;
  stopId: string;
  revision: number;
  mayOverride: boolean;
  changed: (words: string) => void;
};

/** The newest proof of a stop, what telemetry says of it and why, and what a person says of that. */
export function ProofOfStop({ client, stopId, revision, mayOverride, changed }: ProofProps) {
  const pod = useAsked<Pod>(client, `/v1/stops/${stopId}/pod`, revision);
  return (
    <section aria-labelledby="proof-title">
      <h3 id="proof-title">Proof of delivery</h3>
      {pod.kind === "none" && <p class="small soft">None was handed in yet.</p>}
      {pod.kind === "asking" && <p class="small soft">Reading …</p>}
      {pod.kind === "refused" && <p class="small soft">{pod.why}</p>}
      {pod.kind === "said" && (
        <>
          <Handed pod={pod.said} />
          {pod.said.verdict === null ? (
            <p class="small soft">Not judged yet.</p>
          ) : (
            <Verdict verdict={pod.said.verdict} overridden={pod.said.override !== null} />
          )}
          {pod.said.override && (
            <p class="small note">
              <strong>{pod.said.override.verdict === "accepted" ? "Accepted" : "Rejected"} by a person</strong>{" "}
              {dayTimeWords(pod.said.override.at)}: {pod.said.override.note}
            </p>
          )}
          {mayOverride && pod.said.verdict !== null && (
            <OverrideForm client={client} podId={pod.said.id} changed={changed} />
          )}
        </>
      )}
    </section>
  );
}

function Handed({ pod }: { pod: Pod }) {
  const [shows, setShows] = useState(false);
  const pictures = pod.artefacts.filter(({ url }) => url !== null);
  const facts = [
    pod.outcome === "delivered" ? "Delivered" : `Failed${pod.reason === null ? "" : `: ${plainWords(pod.reason)}`}`,
    `made ${dayTimeWords(pod.deviceTime)}`,
    pod.recipientName && `taken by ${pod.recipientName}`,
    pod.relationship && plainWords(pod.relationship),
    pod.erasedAt && "recipient erased",
  ];
  return (
    <>
      <p class="small">{facts.filter(Boolean).join(" · ")}</p>
      {pod.notes && <p class="small note">{pod.notes}</p>}
      {pod.missing.length > 0 && <p class="small trouble">Missing: {pod.missing.map(plainWords).join(", ")}</p>}
      {pictures.length > 0 && !shows && (
        <button type="button" class="button" onClick={() => setShows(true)}>
          Show {pictures.map(({ kind }) => kind).join(", ")}
          <span class="visually-hidden"> (noted in the record of custody)</span>
        </button>
      )}
      {shows && (
        <div class="pictures">
          {pictures.map(({ id, kind, url }) => (
            <img key={id} src={url!} alt={kind === "photo" ? "Photo of the delivery" : "Signature"} />
          ))}
        </div>
      )}
    </>
  );
}

function Verdict({ verdict, overridden }: { verdict: NonNullable<Pod["verdict"]>; overridden: boolean }) {
  return (
    <div class={`verdict ${verdict.verdict} ${overridden ? "overridden" : ""}`}>
      <p>
        <strong>{verdictWords(verdict.verdict)}</strong>
        {verdict.version > 1 && <span class="small soft"> · version {verdict.version}</span>}
      </p>
      <ul class="explanation small">
        {verdict.explanation.map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ul>
      <figure>
        <img
          class="verdict-map"
          src={`data:image/svg+xml,${encodeURIComponent(verdict.map)}`}
          alt="Where the stop, the vehicle and the phone were; the sentences say the same."
        />
        <figcaption class="small soft">
          Blue: the stop. Dark: the vehicle. Orange: the phone. Pale: other stops.
        </figcaption>
      </figure>
      <details class="small">
        <summary>Reasons ({verdict.reasons.length})</summary>
        <ul class="reasons">
          {verdict.reasons.map((reason, i) => (
            <li key={`${reason.code} ${i}`} class={reason.effect}>
              <strong>{reason.code}</strong> {reason.effect}
              <span class="soft">{measuredWords(reason)}</span>
            </li>
          ))}
        </ul>
      </details>
    </div>
  );
}

function measuredWords({ observed, limit, unit }: Reason): string {
  if (observed === null) return "";
  const said = (value: number | string) => (typeof value === "number" ? String(Math.round(value * 10) / 10) : value);
  const until = limit === null ? "" : `, limit ${said(limit)}`;
  return ` · ${said(observed)}${until}${unit === null ? "" : ` ${unit}`}`;
}
