import { useState } from "preact/hooks";
import type { ApiClient } from "../api-client.ts";

const NOTE_CHARACTERS_MAX = 2_000;

type OverrideProps = { client: ApiClient; podId: string; changed: (words: string) => void };

/** What a person makes of a proof; the verdict stays beside it. */
export function OverrideForm({ client, podId, changed }: OverrideProps) {
  const [verdict, choose] = useState<"accepted" | "rejected" | null>(null);
  const [note, setNote] = useState("");
  const [failure, setFailure] = useState<string | null>(null);
  async function send(): Promise<void> {
    if (verdict === null) return setFailure("Choose one of the two.");
    if (note.trim() === "") return setFailure("Say why: it stays with the proof.");
    try {
      await client.send("POST", `/v1/pods/${podId}/override`, { verdict, note: note.trim() });
      setNote("");
      setFailure(null);
      changed(`Proof ${verdict}`);
    } catch (error) {
      setFailure(`It was not stored: ${error instanceof Error ? error.message : String(error)}.`);
    }
  }
  return (
    <details class="override small">
      <summary>Say what you make of it</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <fieldset class="kinds">
          <legend>The verdict stays; this stands beside it.</legend>
          {(["accepted", "rejected"] as const).map((value) => (
            <label key={value} class="kind">
              <input type="radio" name="override" checked={verdict === value} onChange={() => choose(value)} />
              {value === "accepted" ? "Accept the proof" : "Reject the proof"}
            </label>
          ))}
        </fieldset>
        <div class="field">
          <label for="override-note">Why</label>
          <textarea
            id="override-note"
            class="input"
            rows={3}
            maxLength={NOTE_CHARACTERS_MAX}
            value={note}
            onInput={(event) => setNote(event.currentTarget.value)}
          />
        </div>
        <p class="refusal" role="alert">
          {failure}
        </p>
        <button type="submit" class="button primary">
          Store
        </button>
      </form>
    </details>
  );
}
