import { ServiceApiError } from "../service-api.ts";

/** The parts of the HTTP API that a delivery day needs. */
export type DayApi = {
  post<Answer>(path: string, body: object): Promise<Answer>;
  get<Answer>(path: string): Promise<Answer>;
  put(path: string, body: object): Promise<void>;
  remove(path: string): Promise<void>;
  /** A proof of delivery as a form; the same `clientId` again is the same proof. */
  prove(stopId: string, fields: Readonly<Record<string, string>>, photo: Uint8Array | null): Promise<void>;
};

const REQUEST_TIMEOUT_MS = 30_000;

export function openDayApi(apiUrl: string, apiKey: string): DayApi {
  const authorization = `Bearer ${apiKey}`;
  async function send<Answer>(method: string, path: string, init: RequestInit = {}): Promise<Answer> {
    const response = await fetch(new URL(path, apiUrl), {
      ...init,
      method,
      headers: { authorization, ...init.headers },
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    const answer = await response.text();
    if (!response.ok) throw new ServiceApiError(`${method} ${path}`, response.status, answer);
    return (answer === "" ? undefined : JSON.parse(answer)) as Answer;
  }
  return {
    post: (path, body) => send("POST", path, jsonOf(body)),
    get: (path) => send("GET", path),
    put: (path, body) => send("PUT", path, jsonOf(body)),
    remove: (path) => send("DELETE", path),
    prove: async (stopId, fields, photo) => {
      const form = new FormData();
      for (const [name, value] of Object.entries(fields)) form.set(name, value);
      if (photo !== null) form.set("photo", new Blob([Buffer.from(photo)], { type: "image/png" }), "door.png");
      await send("POST", `/v1/stops/${stopId}/pod`, { body: form });
    },
  };
}

const jsonOf = (body: object): RequestInit => ({
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});
