import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type AddressInfo, createServer } from "node:net";
import type { Agent } from "undici";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { ANSWER_BYTES_MAX, ANSWER_CHARACTERS_KEPT, type Attempt, attemptDelivery } from "./attempt.ts";
import { openPinnedAgent, type PinnedAgentOptions } from "./pinned-agent.ts";
import { openReceiver, type Receiver } from "./receiver-fixture.ts";

/** For what never comes; whatever comes is waited for. */
const TIMEOUT_MS = 500;
const PATIENCE_MS = 600_000;
/** Where the HTTP client tells that an answer has begun. */
const STATUS_CAME = "undici:request:headers";
const PUBLIC_ADDRESS = "93.184.215.14";

let receiver: Receiver;
let secure: Receiver;
const agents: Agent[] = [];

beforeAll(async () => {
  receiver = await openReceiver();
  secure = await openReceiver({ tls: { name: "receiver.example" } });
});

afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(agents.splice(0).map((agent) => agent.destroy()));
});

afterAll(async () => {
  await receiver?.close();
  await secure?.close();
});

type PostOptions = Partial<PinnedAgentOptions> & { signal?: AbortSignal; timeoutMs?: number };

function post(url: string, options: PostOptions = {}): Promise<Attempt> {
  const { signal = new AbortController().signal, timeoutMs = PATIENCE_MS, ...agentOptions } = options;
  const resolve = () => Promise.resolve(["127.0.0.1"]);
  const rules = { allowLoopback: true, resolve, connections: 2, connectTimeoutMs: PATIENCE_MS };
  const dispatcher = openPinnedAgent({ ...rules, ...agentOptions });
  agents.push(dispatcher);
  const message = { headers: { "content-type": "application/json" }, body: "{}" };
  return attemptDelivery(url, message, { dispatcher, timeoutMs, signal, nowMs: Date.now });
}

test.each([
  [200, "delivered"],
  [202, "delivered"],
  [304, "redirect"],
  [400, "client_error"],
  [404, "client_error"],
  [410, "gone"],
  [429, "client_error"],
  [500, "server_error"],
  [503, "server_error"],
])("status %i is %s", async (status, outcome) => {
  receiver.on(`/${status}`, (_got, response) => response.writeHead(status).end());
  expect(await post(receiver.url(`/${status}`))).toMatchObject({ outcome, status, retryAfterMs: null });
});

test("a redirect is not followed", async () => {
  const before = receiver.received.length;
  receiver.on("/moved", (_got, response) => response.writeHead(307, { location: receiver.url("/elsewhere") }).end());
  expect(await post(receiver.url("/moved"))).toMatchObject({ outcome: "redirect", status: 307 });
  expect(receiver.received.slice(before).map(({ path }) => path)).toEqual(["/moved"]);
});

test("Retry-After is read", async () => {
  receiver.on("/later", (_got, response) => response.writeHead(429, { "retry-after": "90" }).end());
  expect(await post(receiver.url("/later"))).toMatchObject({ outcome: "client_error", retryAfterMs: 90_000 });
});

test("a receiver that never answers is a timeout", async () => {
  receiver.on("/hang", () => undefined);
  const attempt = await post(receiver.url("/hang"), { timeoutMs: TIMEOUT_MS });
  expect(attempt).toMatchObject({ outcome: "timeout", status: null });
});

test("a body that drips in is given up in time, and the status counts", async () => {
  receiver.on("/drip", (_got, response) => {
    response.writeHead(200).write("drip");
    const timer = setInterval(() => response.write("."), 50);
    response.on("close", () => clearInterval(timer));
  });
  // The attempt's time ends when the status has come and the body has not.
  const expired = new AbortController();
  vi.spyOn(AbortSignal, "timeout").mockReturnValue(expired.signal);
  const heard = () => setImmediate(() => expired.abort());
  subscribe(STATUS_CAME, heard);
  const attempt = await post(receiver.url("/drip")).finally(() => unsubscribe(STATUS_CAME, heard));
  expect(attempt).toMatchObject({ outcome: "delivered", status: 200, answer: expect.stringMatching(/^drip/) });
  expect(attempt.detail).toContain("did not come whole");
});

test("a huge answer is read to its limit and its beginning is kept", async () => {
  receiver.on("/huge", (_got, response) => {
    const chunk = Buffer.alloc(32_768, "x");
    response.writeHead(500);
    const more = () => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on("drain", more);
    more();
  });
  const attempt = await post(receiver.url("/huge"));
  expect(attempt).toMatchObject({ outcome: "server_error", answer: "x".repeat(ANSWER_CHARACTERS_KEPT) });
  expect(attempt.detail).toContain(String(ANSWER_BYTES_MAX));
});

test("an answer with bytes that are no text is kept as text that can be stored", async () => {
  receiver.on("/bytes", (_got, response) => response.writeHead(500).end(Buffer.from([0, 0xff, 0x41])));
  expect((await post(receiver.url("/bytes"))).answer).toBe("\ufffd\ufffdA");
});

test("a connection that is reset or refused, and an answer that is no HTTP", async () => {
  receiver.on("/reset", (_got, _response, socket) => socket.resetAndDestroy());
  expect(await post(receiver.url("/reset"))).toMatchObject({ outcome: "reset", status: null });
  const babbler = createServer((socket) => socket.once("data", () => socket.end("220 mail.example ESMTP\r\n")));
  await new Promise<void>((resolve) => babbler.listen(0, "127.0.0.1", resolve));
  const { port } = babbler.address() as AddressInfo;
  expect(await post(`http://127.0.0.1:${port}/`)).toMatchObject({ outcome: "protocol", status: null });
  await new Promise<void>((resolve) => babbler.close(() => resolve()));
  // Nothing listens on port 1 of the loopback interface.
  expect(await post("http://127.0.0.1:1/")).toMatchObject({ outcome: "unreachable", status: null });
});

test("TLS is verified: the authority, and the name", async () => {
  expect(await post(secure.url("/"))).toMatchObject({ outcome: "tls", status: null });
  const ca = secure.certificate!;
  expect(await post(secure.url("/"), { ca })).toMatchObject({ outcome: "delivered", status: 204 });
  const otherName = secure.url("/").replace("receiver.example", "other.example");
  expect(await post(otherName, { ca })).toMatchObject({ outcome: "tls", status: null });
});

test("a name that resolves to an address of ours, wholly or in part, is not connected to", async () => {
  const before = receiver.received.length;
  const url = receiver.url("/").replace("127.0.0.1", "inward.example");
  for (const addresses of [["127.0.0.1"], ["10.0.0.1"], [PUBLIC_ADDRESS, "::ffff:127.0.0.1"], []]) {
    const attempt = await post(url, { allowLoopback: false, resolve: () => Promise.resolve(addresses) });
    expect([addresses, attempt.outcome]).toEqual([addresses, "address_refused"]);
  }
  const literal = await post(receiver.url("/"), { allowLoopback: false });
  expect(literal.outcome).toBe("address_refused");
  expect(receiver.received).toHaveLength(before);
});

test("a name that answers otherwise a moment later (rebinding) is asked once a connection, and what was judged is connected to", async () => {
  const before = receiver.received.length;
  let asked = 0;
  const resolve = () => Promise.resolve([asked++ === 0 ? "127.0.0.1" : "10.0.0.1"]);
  const url = receiver.url("/").replace("127.0.0.1", "rebound.example");
  expect(await post(url, { resolve })).toMatchObject({ outcome: "delivered" });
  expect([asked, receiver.received.length - before]).toEqual([1, 1]);
  expect(await post(url, { resolve })).toMatchObject({ outcome: "address_refused" });
  expect([asked, receiver.received.length - before]).toEqual([2, 1]);
});

test("a name that is not there is a failure of DNS", async () => {
  const resolve = () => Promise.reject(Object.assign(new Error("queryA ENOTFOUND"), { code: "ENOTFOUND" }));
  const url = receiver.url("/").replace("127.0.0.1", "nowhere.example");
  expect(await post(url, { resolve })).toMatchObject({ outcome: "dns", status: null });
});

test("a name server that does not answer ends with the attempt's time", async () => {
  const resolve = () => new Promise<string[]>(() => undefined);
  const url = receiver.url("/").replace("127.0.0.1", "slow.example");
  expect(await post(url, { resolve, timeoutMs: TIMEOUT_MS })).toMatchObject({ outcome: "timeout", status: null });
});

test("what is under way when the process ends is interrupted, which is no failure, also while it looks for a name", async () => {
  receiver.on("/waits", () => undefined);
  const [ending, alsoEnding] = [new AbortController(), new AbortController()];
  const waiting = post(receiver.url("/waits"), { signal: ending.signal });
  await expect.poll(() => receiver.received.at(-1)?.path).toBe("/waits");
  ending.abort();
  const resolve = () => {
    setImmediate(() => alsoEnding.abort());
    return new Promise<string[]>(() => undefined);
  };
  const url = receiver.url("/").replace("127.0.0.1", "slow.example");
  const looking = post(url, { resolve, signal: alsoEnding.signal });
  for (const attempt of [waiting, looking])
    expect(await attempt).toMatchObject({ outcome: "interrupted", status: null });
});
