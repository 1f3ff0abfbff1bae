import { useEffect, useRef } from "preact/hooks";

type LoginProps = { busy: boolean; refusal: string | null; enter: (key: string) => void };

/** The key is typed or pasted; it goes nowhere but into the headers of requests to this server. */
export function Login({ busy, refusal, enter }: LoginProps) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  return (
    <main class="login">
      <form
        class="card login-card"
        onSubmit={(event) => {
          event.preventDefault();
          const key = input.current?.value.trim() ?? "";
          if (key !== "") enter(key);
        }}
      >
        <h1>Live map</h1>
        <p class="soft">Where every vehicle is, and how sure that is.</p>
        <div class="field">
          <label for="key">API key</label>
          <input
            ref={input}
            id="key"
            class="input"
            type="password"
            autocomplete="off"
            spellcheck={false}
            placeholder="tg_live_…"
            aria-invalid={refusal !== null}
            aria-describedby="key-help key-refusal"
          />
          <p id="key-help" class="small soft">
            Kept in this tab only, until it is closed. It needs the scopes fixes:read and events:read.
          </p>
        </div>
        <p id="key-refusal" class="refusal" role="alert">
          {refusal}
        </p>
        <button class="button primary" type="submit" disabled={busy}>
          {busy ? "Opening …" : "Open the map"}
        </button>
      </form>
    </main>
  );
}
