import { useEffect, useState } from "preact/hooks";
import { ApiClient, ApiProblem } from "./api-client.ts";
import { Console } from "./console.tsx";
import { FleetWatch } from "./fleet-watch.ts";
import { Login } from "./login.tsx";
import { STORED_KEY } from "./stored-key.ts";

type Session = { client: ApiClient; watch: FleetWatch };

/** Asks for a key, then shows the console until it is given back or refused. */
export function App() {
  const [session, setSession] = useState<Session | null>(null);
  const [busy, setBusy] = useState(() => sessionStorage.getItem(STORED_KEY) !== null);
  const [refusal, setRefusal] = useState<string | null>(null);

  async function enter(key: string): Promise<void> {
    setBusy(true);
    setRefusal(null);
    const client = new ApiClient(key);
    const watch = new FleetWatch(client);
    try {
      await client.get("/v1/positions?limit=1");
      await watch.start();
      sessionStorage.setItem(STORED_KEY, key);
      setSession({ client, watch });
    } catch (error) {
      watch.stop();
      if (error instanceof ApiProblem && error.status < 500) sessionStorage.removeItem(STORED_KEY);
      setRefusal(error instanceof ApiProblem ? error.message : "The server can't be reached. Try again.");
    } finally {
      setBusy(false);
    }
  }

  function leave(reason: string | null): void {
    session?.watch.stop();
    sessionStorage.removeItem(STORED_KEY);
    setRefusal(reason);
    setSession(null);
  }

  useEffect(() => {
    const stored = sessionStorage.getItem(STORED_KEY);
    if (stored !== null) void enter(stored);
  }, []);

  if (session === null) return <Login busy={busy} refusal={refusal} enter={(key) => void enter(key)} />;
  return <Console client={session.client} watch={session.watch} leave={leave} />;
}
