/** Asks the API as the person whose key it is. */

/** An answer that is not what was asked: a problem of the API's catalogue, by its `code`. */
export class ApiProblem extends Error {
  readonly code: string;
  readonly status: number;

  constructor(status: number, code: string, title: string) {
    super(title);
    this.name = "ApiProblem";
    this.status = status;
    this.code = code;
  }
}

type Page<T> = { data: T[]; next_cursor: string | null; has_more: boolean };

const PAGE_ROWS = 1_000;

export class ApiClient {
  readonly #key: string;

  constructor(key: string) {
    this.#key = key;
  }

  /** Answers the body; throws an `ApiProblem` when the API says no. */
  async get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return (await this.#fetch(path, withSignal(signal))).json() as Promise<T>;
  }

  /** Sends a change; answers the body, null where there is none. Throws an `ApiProblem` when the API says no. */
  async send<T>(method: "POST" | "DELETE", path: string, body?: object): Promise<T | null> {
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    const response = await this.#fetch(path, { method, headers, ...content });
    return response.status === 204 ? null : ((await response.json()) as T);
  }

  /** What a path answers, as a file. */
  async file(path: string): Promise<Blob> {
    return (await this.#fetch(path)).blob();
  }

  /** The pages of a list one by one, until `signal` aborts or the list ends. */
  async *pages<T>(path: string, signal?: AbortSignal, pageRows = PAGE_ROWS): AsyncGenerator<T[]> {
    const separator = path.includes("?") ? "&" : "?";
    let after: string | null = null;
    do {
      const cursor: string = after === null ? "" : `&after=${encodeURIComponent(after)}`;
      const page: Page<T> = await this.get<Page<T>>(`${path}${separator}limit=${pageRows}${cursor}`, signal);
      yield page.data;
      after = page.has_more ? page.next_cursor : null;
    } while (after !== null);
  }

  /** Every row of a list; none where the key may not read it. */
  async allReadable<T>(path: string): Promise<T[]> {
    const rows: T[] = [];
    try {
      for await (const page of this.pages<T>(path)) rows.push(...page);
    } catch (error) {
      if (error instanceof ApiProblem && error.status === 403) return [];
      throw error;
    }
    return rows;
  }

  /** A response whose body goes on: server-sent events. */
  async open(path: string, lastEventId: string | null, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const headers: Record<string, string> = lastEventId === null ? {} : { "last-event-id": lastEventId };
    const { body } = await this.#fetch(path, { signal, headers });
    if (body === null) throw new Error("the event stream has no body");
    return body;
  }

  async #fetch(path: string, { headers, ...init }: Asked = {}): Promise<Response> {
    const authorization = `Bearer ${this.#key}`;
    const response = await fetch(path, { ...init, headers: { ...headers, authorization }, cache: "no-store" });
    if (response.ok) return response;
    const problem = (await response.json().catch(() => ({}))) as { code?: string; title?: string };
    throw new ApiProblem(response.status, problem.code ?? "unknown", problem.title ?? `answered ${response.status}`);
  }
}

type Asked = Omit<RequestInit, "headers"> & { headers?: Record<string, string> };

const withSignal = (signal: AbortSignal | undefined): Asked => (signal === undefined ? {} : { signal });
