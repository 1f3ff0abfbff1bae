import { useEffect, useRef, useState } from "preact/hooks";
import type { PanelProps } from "../panel.ts";
import { type DayRoute, type DayStop, nameOfRoute, nameOfStop, standingOf } from "./day-route.ts";
import { statusWords, whenWords, windowWords } from "./delivery-words.ts";
import { LinksOfStop } from "./links-of-stop.tsx";
import { NotificationsOfStop } from "./notifications-of-stop.tsx";
import { ProofOfStop } from "./proof-of-stop.tsx";
import type { OwnKey } from "./stop-json.ts";
import { StopMark } from "./stop-mark.tsx";
import { StopTimeline } from "./stop-timeline.tsx";
import { useAsked } from "./use-asked.ts";

type StopDetailsProps = PanelProps & {
  route: DayRoute;
  stop: DayStop;
  /** Grows with every event of the stop: then everything is asked again. */
  revision: number;
  back: () => void;
};

/** What is known of one stop: how it stands, what happened, its proof and why it is believed or not, who was told what. */
export function StopDetails({ client, route, stop, revision, back, nowMs, announce }: StopDetailsProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  const [ownChanges, setOwnChanges] = useState(0);
  const key = useAsked<OwnKey>(client, "/v1/key", 0);
  const may = (scope: string) => key.kind === "said" && key.said.scopes.some((one) => one === scope || one === "admin");
  const number = route.stops.indexOf(stop) + 1;
  const asking = { client, stopId: stop.id, revision: revision + ownChanges, announce };
  const changed = (words: string) => {
    setOwnChanges((count) => count + 1);
    announce(words);
  };
  return (
    <section
      class="drill stop-details"
      aria-labelledby="stop-title"
      onKeyDown={(event) => {
        if (event.key === "Escape") back();
      }}
    >
      <div class="drill-head">
        <button type="button" class="button plain" onClick={back}>
          ← {nameOfRoute(route)}
        </button>
        <h2 id="stop-title" ref={heading} tabIndex={-1}>
          {nameOfStop(stop)}
        </h2>
        <p class="stop-now">
          <StopMark standing={standingOf(stop, nowMs)} number={number} />
          <strong class={`stop-status ${standingOf(stop, nowMs)}`}>{statusWords(stop, nowMs)}</strong>
        </p>
        <dl class="facts small">
          <Fact name="Window" value={windowWords(stop)} />
          <Fact name="When" value={whenWords(stop)} />
          <Fact name="Before it" value={stopsBeforeWords(stop)} />
          <Fact name="Order" value={stop.externalId ?? ""} />
        </dl>
      </div>
      <div class="drill-body">
        <StopTimeline {...asking} />
        <ProofOfStop {...asking} mayOverride={may("pods:override")} changed={changed} />
        <LinksOfStop {...asking} mayWrite={may("links:write")} changed={changed} />
        <NotificationsOfStop {...asking} />
      </div>
    </section>
  );
}

function stopsBeforeWords({ stopsBefore, status }: DayStop): string {
  if (stopsBefore === null || !["planned", "en_route", "approaching"].includes(status)) return "";
  return stopsBefore === 0 ? "it is next" : `${stopsBefore} stop${stopsBefore === 1 ? "" : "s"}`;
}

function Fact({ name, value }: { name: string; value: string }) {
  if (value === "") return null;
  return (
    <div>
      <dt class="soft">{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
