import { useEffect, useState } from "preact/hooks";
import { ApiClient, ApiProblem } from "../console/api-client.ts";
import { Login } from "../console/login.tsx";
import { STORED_KEY } from "../console/stored-key.ts";
import { dayText } from "../console/words.ts";
import { chooseTheme, themeNow } from "../design/theme.ts";
import { EtaReport } from "./eta-report.tsx";
import { dayMoved } from "./figures.ts";
import { KpiReport } from "./kpi-report.tsx";
import type { Days } from "./report-json.ts";

const LOGIN = {
  title: "Reports",
  intro: "How right the ETAs were, and how the days went.",
  open: "Open the reports",
  scopes: "the scope routes:read",
};

/** Asks for a key unless the tab has one, then shows the reports. */
export function ReportsApp() {
  const [client, setClient] = useState<ApiClient | null>(null);
  const [busy, setBusy] = useState(() => sessionStorage.getItem(STORED_KEY) !== null);
  const [refusal, setRefusal] = useState<string | null>(null);

  async function enter(key: string): Promise<void> {
    setBusy(true);
    setRefusal(null);
    const next = new ApiClient(key);
    try {
      await next.get("/v1/routes?limit=1");
      sessionStorage.setItem(STORED_KEY, key);
      setClient(next);
    } catch (error) {
      if (error instanceof ApiProblem && error.status === 401) sessionStorage.removeItem(STORED_KEY);
      setRefusal(error instanceof ApiProblem ? error.message : "The server can't be reached. Try again.");
    } finally {
      setBusy(false);
    }
  }

  useEffect(() => {
    const stored = sessionStorage.getItem(STORED_KEY);
    if (stored !== null) void enter(stored);
  }, []);

  if (client === null) return <Login busy={busy} refusal={refusal} enter={(key) => void enter(key)} page={LOGIN} />;
  const leave = () => {
    sessionStorage.removeItem(STORED_KEY);
    setClient(null);
  };
  return <Reports client={client} leave={leave} />;
}

function Reports({ client, leave }: { client: ApiClient; leave: () => void }) {
  const today = dayText(Date.now());
  const [days, setDays] = useState<Days>({ from: dayMoved(today, -6), to: today });
  const [theme, setTheme] = useState(themeNow());
  const other = theme === "dark" ? "light" : "dark";
  return (
    <>
      <header class="top">
        <h1>Reports</h1>
        <a class="button plain" href="/">
          Live map
        </a>
        <button
          class="button plain"
          type="button"
          onClick={() => {
            chooseTheme(other);
            setTheme(other);
          }}
        >
          {other === "dark" ? "Dark" : "Light"}
          <span class="visually-hidden"> colours</span>
        </button>
        <button class="button plain" type="button" onClick={leave}>
          Sign out
        </button>
      </header>
      <main class="reports">
        <DaysForm days={days} today={today} change={setDays} />
        <EtaReport client={client} days={days} />
        <KpiReport client={client} days={days} />
      </main>
    </>
  );
}

const SPANS = [7, 30, 90];

type DaysFormProps = { days: Days; today: string; change: (days: Days) => void };

function DaysForm({ days, today, change }: DaysFormProps) {
  const set = (part: Partial<Days>): void => {
    const next = { ...days, ...part };
    if (next.from !== "" && next.to !== "" && next.from <= next.to) change(next);
  };
  return (
    <fieldset class="days">
      <legend class="visually-hidden">Days</legend>
      <div class="field">
        <label for="from">From</label>
        <input
          id="from"
          class="input"
          type="date"
          max={days.to}
          value={days.from}
          onChange={(event) => set({ from: event.currentTarget.value })}
        />
      </div>
      <div class="field">
        <label for="to">To</label>
        <input
          id="to"
          class="input"
          type="date"
          min={days.from}
          value={days.to}
          onChange={(event) => set({ to: event.currentTarget.value })}
        />
      </div>
      {SPANS.map((count) => {
        const span = { from: dayMoved(today, 1 - count), to: today };
        return (
          <button
            key={count}
            type="button"
            class="button"
            aria-pressed={span.from === days.from && span.to === days.to}
            onClick={() => change(span)}
          >
            {count} days
          </button>
        );
      })}
    </fieldset>
  );
}
