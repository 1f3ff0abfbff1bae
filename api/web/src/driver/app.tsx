import { useEffect, useMemo, useState } from "preact/hooks";
import type { DriverStop } from "../../../driver/day-json.ts";
import { ProofForm } from "./proof-form.tsx";
import { Refusals } from "./refusals.tsx";
import { OVER, StopCard } from "./stop-card.tsx";
import { filled } from "./texts.ts";
import { type Language, queueWords, waitingWords } from "./words.ts";
import { openWork, type Work, type WorkState } from "./work.ts";

type Form = { stop: DriverStop; number: number; outcome: "delivered" | "failed" };

export function App({ token, language }: { token: string; language: Language }) {
  const [state, setState] = useState<WorkState>();
  const [form, setForm] = useState<Form>();
  const work = useMemo(() => openWork(token, setState), [token]);
  const { texts } = language;
  useEffect(() => void work.start(), [work]);
  if (state === undefined) return <p class="page soft">{texts.loading}</p>;
  if (form !== undefined) {
    return (
      <div class="page">
        <ProofForm
          {...{ ...form, language, work }}
          onDone={() => {
            setForm(undefined);
          }}
        />
      </div>
    );
  }
  return (
    <div class="page">
      <header>
        <h1>{state.day === undefined ? texts.title : filled(texts.greeting, { name: state.day.driver.givenName })}</h1>
      </header>
      <main>
        {state.isClosed ? (
          <Closed {...{ state, language }} />
        ) : (
          <>
            <Status {...{ state, language, work }} />
            <Refusals {...{ state, language, work }} />
            <Day {...{ state, language, work, onForm: setForm }} />
          </>
        )}
      </main>
    </div>
  );
}

function Closed({ state, language }: { state: WorkState; language: Language }) {
  const { closed } = language.texts;
  const what = waitingWords(language, state.messages, state.positions);
  return (
    <section class="card pad" role="alert">
      <h2>{closed.title}</h2>
      <p>{closed.text}</p>
      {what !== "" && <p>{filled(closed.kept, { what })}</p>}
    </section>
  );
}

type Part = { state: WorkState; language: Language; work: Work };

/** Whether the location is shared, and what still has to be sent: in words, always to be seen. */
function Status({ state, language, work }: Part) {
  const { share, queue } = language.texts;
  const words = queueWords(language, state);
  return (
    <section class="card pad status" aria-label={queue.label}>
      <p class="queue" data-waits={words === queue.allSent ? undefined : "true"} role="status">
        {words}
      </p>
      {state.isFull && <p role="alert">{queue.full}</p>}
      <p class="soft small">{state.isSharing ? share.on : share.off}</p>
      {state.trouble !== null && <p role="alert">{share[state.trouble]}</p>}
      <button
        type="button"
        class={state.isSharing ? "button wide" : "button primary wide"}
        disabled={state.day === undefined}
        onClick={() => void work.share(!state.isSharing)}
      >
        {state.isSharing ? share.stop : share.start}
      </button>
    </section>
  );
}

function Day({ state, language, work, onForm }: Part & { onForm: (form: Form) => void }) {
  const { texts } = language;
  if (state.day === undefined) return <p class="soft">{state.isOnline ? texts.loading : texts.needsNet}</p>;
  const stops = state.day.routes.flatMap((route) => route.stops);
  if (stops.length === 0) return <p>{texts.noWork}</p>;
  const waiting = state.messages.filter(({ refusal }) => refusal === null);
  const isProved = (stop: DriverStop) =>
    waiting.some(({ stopId, content }) => stopId === stop.id && content.kind === "proof");
  const next = stops.find((stop) => !OVER.has(stop.status) && !isProved(stop));
  let number = 0;
  return state.day.routes.map((route) => (
    <section key={route.id} aria-label={route.name ?? texts.stops}>
      <h2 class="route">{titleOf(route, texts.stops)}</h2>
      <ol class="stops">
        {route.stops.map((stop) => {
          number += 1;
          const own = { stop, number };
          return (
            <StopCard
              key={stop.id}
              {...{ ...own, language, work }}
              isNext={stop === next}
              messages={waiting.filter(({ stopId }) => stopId === stop.id)}
              onProof={(outcome) => onForm({ ...own, outcome })}
            />
          );
        })}
      </ol>
    </section>
  ));
}

/** A route is often named after its vehicle. */
function titleOf({ name, vehicle }: { name: string | null; vehicle: string | null }, unnamed: string): string {
  const title = name ?? unnamed;
  return vehicle === null || title.includes(vehicle) ? title : `${title} · ${vehicle}`;
}
