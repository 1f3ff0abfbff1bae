import { useEffect, useRef } from "preact/hooks";

type LoginProps = {
  busy: boolean;
  refusal: string | null;
  enter: (key: string) => void;
  /** What is behind it, if not the live map. */
  page?: { title: string; intro: string; open: string; scopes: string };
};

const LIVE_MAP = {
  title: "Live map",
  intro: "Where every vehicle is, and how sure that is.",
  open: "Open the map",
  scopes: "the scopes fixes:read and events:read",
};

/** The key is typed or pasted; it goes nowhere but into the headers of requests to this server. */
export function Login({ busy, refusal, enter, page = LIVE_MAP }: LoginProps) {
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
        <h1>{page.title}</h1>
        <p class="soft">{page.intro}</p>
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
            Kept in this tab only, until it is closed. It needs {page.scopes}.
          </p>
        </div>
        <p id="key-refusal" class="refusal" role="alert">
          {refusal}
        </p>
        <button class="button primary" type="submit" disabled={busy}>
          {busy ? "Opening …" : page.open}
        </button>
      </form>
    </main>
  );
}
