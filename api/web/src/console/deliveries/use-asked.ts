import { useEffect, useState } from "preact/hooks";
import { type ApiClient, ApiProblem } from "../api-client.ts";

/** An answer of the API: not there yet, nothing there, refused or failed, or what it says. */
export type Asked<T> =
  | { kind: "asking" }
  | { kind: "none" }
  | { kind: "refused"; why: string }
  | { kind: "said"; said: T };

/** Asks whenever the path or `revision` changes; what was said stays until something else is. */
export function useAsked<T>(client: ApiClient, path: string, revision: unknown): Asked<T> {
  const [asked, setAsked] = useState<Asked<T>>({ kind: "asking" });
  useEffect(() => setAsked({ kind: "asking" }), [path]);
  useEffect(() => {
    const stopped = new AbortController();
    client
      .get<T>(path, stopped.signal)
      .then((said) => setAsked({ kind: "said", said }))
      .catch((error: unknown) => {
        if (!stopped.signal.aborted) setAsked(refusalOf(error));
      });
    return () => stopped.abort();
  }, [client, path, revision]);
  return asked;
}

function refusalOf(error: unknown): { kind: "none" } | { kind: "refused"; why: string } {
  if (error instanceof ApiProblem && error.status === 404) return { kind: "none" };
  if (error instanceof ApiProblem && error.status === 403) return { kind: "refused", why: "This key may not read it." };
  return { kind: "refused", why: "It can't be read now." };
}
