import { filled } from "./texts.ts";
import type { Language } from "./words.ts";
import type { Work, WorkState } from "./work.ts";

/** What the server said no to: it is kept until a person decides. */
export function Refusals({ state, language, work }: { state: WorkState; language: Language; work: Work }) {
  const { texts } = language;
  const refused = state.messages.filter(({ refusal }) => refusal !== null);
  if (refused.length === 0) return null;
  const ids = state.day?.routes.flatMap(({ stops }) => stops.map(({ id }) => id)) ?? [];
  return (
    <section class="card pad danger" role="alert">
      {refused.map((message) => {
        const n = ids.indexOf(message.stopId) + 1 || "?";
        return (
          <div key={message.id} class="actions">
            <p>{filled(texts.refused, { n, code: message.refusal ?? "" })}</p>
            <button type="button" class="button" onClick={() => void work.retry(message)}>
              {texts.retry}
            </button>
            <button type="button" class="button" onClick={() => void work.discard(message.id)}>
              {texts.discard}
            </button>
          </div>
        );
      })}
    </section>
  );
}
