import { useState } from "preact/hooks";
import type { DriverStop } from "../../../driver/day-json.ts";
import type { Message } from "./outbox.ts";
import { filled } from "./texts.ts";
import { type Language, navigationUrl, timeOf, windowOf } from "./words.ts";
import type { Work } from "./work.ts";

/** Stops that nobody is to come to any more. */
export const OVER = new Set<DriverStop["status"]>(["departed", "delivered", "failed", "missed", "cancelled"]);

type Props = {
  stop: DriverStop;
  /** From 1 along the day. */
  number: number;
  isNext: boolean;
  /** What was said of this stop and is not stored yet. */
  messages: readonly Message[];
  language: Language;
  work: Work;
  onProof: (outcome: "delivered" | "failed") => void;
};

export function StopCard(props: Props) {
  const { stop, number, isNext, messages, language } = props;
  const { texts } = language;
  const [isOpened, setOpened] = useState<boolean>();
  const isOpen = isOpened ?? isNext;
  const proof = messages.find(({ content }) => content.kind === "proof")?.content;
  const status = proof?.kind === "proof" ? proof.outcome : stop.status;
  const expected = stop.eta === null ? "" : filled(texts.expected, { time: timeOf(stop.eta, stop, language) });
  const when = [windowOf(stop, language), OVER.has(status) ? "" : expected].filter(Boolean).join(" · ");
  const title = stop.address ?? stop.contact.name ?? `${stop.lat.toFixed(5)}, ${stop.lon.toFixed(5)}`;
  return (
    <li class="card stop" data-next={isNext ? "true" : undefined} aria-current={isNext ? "step" : undefined}>
      <button type="button" class="head" aria-expanded={isOpen} onClick={() => setOpened(!isOpen)}>
        <span class="number" aria-hidden="true">
          {number}
        </span>
        <span class="visually-hidden">{filled(texts.stop, { n: number })}: </span>
        <span class="place">
          <strong>{title}</strong>
          <span class="soft small">
            {[title === stop.contact.name ? null : stop.contact.name, when].filter(Boolean).join(" · ")}
          </span>
        </span>
        <span class="badge" data-status={status}>
          {texts.status[status]}
          {messages.length > 0 && <span class="small waits">{texts.waits}</span>}
        </span>
      </button>
      {isOpen && <Details {...props} />}
    </li>
  );
}

function Details({ stop, messages, language, work, onProof }: Props) {
  const { texts } = language;
  const { contact, claimed, proof } = stop;
  const claims = messages.flatMap(({ content }) => (content.kind === "claim" ? [content] : []));
  const saidAt = (kind: "arrived" | "departed") => {
    const waiting = claims.findLast(({ claim }) => claim === kind)?.fields.at;
    return waiting === undefined ? claimed[kind === "arrived" ? "arrivedAt" : "departedAt"] : String(waiting);
  };
  const [arrivedAt, departedAt] = [saidAt("arrived"), saidAt("departed")];
  const asked = new Set([...proof.requires, ...(proof.pin ? (["pin"] as const) : [])]);
  return (
    <div class="details">
      {stop.notes !== null && <p class="notes">{stop.notes}</p>}
      {asked.size > 0 && (
        <p class="small">
          {filled(texts.proof.asked, { parts: [...asked].map((part) => texts.proof.parts[part]).join(", ") })}
        </p>
      )}
      <div class="actions">
        <a class="button" href={navigationUrl(stop, navigator.userAgent)} target="_blank" rel="noreferrer">
          {texts.navigate}
        </a>
        {contact.phone !== null && (
          <a class="button" href={`tel:${contact.phone.replaceAll(" ", "")}`}>
            {filled(texts.call, { name: contact.name ?? contact.phone })}
          </a>
        )}
      </div>
      <div class="actions">
        <button type="button" class="button" onClick={() => void work.claim(stop.id, "arrived")}>
          {texts.arrived}
        </button>
        <button type="button" class="button" onClick={() => void work.claim(stop.id, "departed")}>
          {texts.departed}
        </button>
      </div>
      <div role="status" class="small soft">
        {arrivedAt !== null && <p>{filled(texts.saidArrived, { time: timeOf(arrivedAt, stop, language) })}</p>}
        {departedAt !== null && <p>{filled(texts.saidDeparted, { time: timeOf(departedAt, stop, language) })}</p>}
      </div>
      <div class="actions">
        <button type="button" class="button primary" onClick={() => onProof("delivered")}>
          {texts.deliver}
        </button>
        <button type="button" class="button" onClick={() => onProof("failed")}>
          {texts.fail}
        </button>
      </div>
    </div>
  );
}
