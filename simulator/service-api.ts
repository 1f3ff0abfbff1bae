import type { Attributes } from "#decoders/decoder.ts";
import type { FixSource } from "./check.ts";
import type { FleetDevice } from "./fleet.ts";

/** The gateway's HTTP API as the simulator uses it. */
export type ServiceApi = {
  /** Registers devices that are not known yet. */
  register(devices: readonly FleetDevice[]): Promise<void>;
  readFixes: FixSource;
};

type Page = { data: { time: string; attributes: Attributes }[]; next_cursor: string | null; has_more: boolean };

const PAGE_FIXES = 1_000;
const REGISTERED_AT_ONCE = 8;
const REQUEST_TIMEOUT_MS = 30_000;
const CONFLICT = 409;

export class ServiceApiError extends Error {
  readonly code = "service_api";
  constructor(request: string, status: number, answer: string) {
    super(`${request} answered ${status}: ${answer.slice(0, 300)}`);
  }
}

export function openServiceApi(apiUrl: string, apiKey: string): ServiceApi {
  const authorization = `Bearer ${apiKey}`;

  async function register(devices: readonly FleetDevice[]): Promise<void> {
    const waiting = [...devices];
    await Promise.all(
      Array.from({ length: REGISTERED_AT_ONCE }, async () => {
        for (let device = waiting.pop(); device; device = waiting.pop()) await registerOne(device);
      }),
    );
  }

  async function registerOne({ uid, password, protocol: { protocol, model } }: FleetDevice): Promise<void> {
    const response = await fetch(new URL("/v1/devices", apiUrl), {
      method: "POST",
      headers: { authorization, "content-type": "application/json" },
      body: JSON.stringify({
        uid,
        protocol,
        model,
        name: `Simulated ${shortOf(uid)}`,
        ...(password === null ? {} : { password }),
      }),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    const answer = await response.text();
    if (response.ok || response.status === CONFLICT) return;
    throw new ServiceApiError("POST /v1/devices", response.status, answer);
  }

  async function* readFixes(uid: string): ReturnType<FixSource> {
    const path = `/v1/devices/${encodeURIComponent(uid)}/fixes`;
    for (let after: string | null = ""; after !== null; ) {
      const url: URL = new URL(path, apiUrl);
      url.searchParams.set("limit", String(PAGE_FIXES));
      if (after) url.searchParams.set("after", after);
      const response = await fetch(url, {
        headers: { authorization },
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      if (!response.ok) throw new ServiceApiError(`GET ${path}`, response.status, await response.text());
      const page = (await response.json()) as Page;
      yield page.data.map(({ time, attributes }) => ({ timeMs: Date.parse(time), attributes }));
      after = page.has_more ? page.next_cursor : null;
    }
  }

  return { register, readFixes };
}

/** What tells devices apart: the end of an IMEI, else the name before the slash. */
function shortOf(uid: string): string {
  return /^\d+$/.test(uid) ? uid.slice(-4) : uid.split("/", 1)[0]!.replace(/^driver-/, "");
}
