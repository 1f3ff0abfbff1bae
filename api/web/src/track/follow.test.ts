import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { follow } from "./follow.ts";

/** The browser's end of a stream, by hand. */
class FakeSource extends EventTarget {
  static readonly CLOSED = 2;
  readyState = 1;
  close(): void {
    this.readyState = FakeSource.CLOSED;
  }
  says(type: string, fields: object = {}): void {
    this.dispatchEvent(Object.assign(new Event(type), fields));
  }
}

let sources: FakeSource[];
const states: unknown[] = [];
const connections: boolean[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  sources = [];
  states.length = 0;
  connections.length = 0;
  vi.stubGlobal(
    "EventSource",
    class extends FakeSource {
      constructor() {
        super();
        sources.push(this);
      }
    },
  );
  vi.stubGlobal("document", new EventTarget());
  follow({
    token: "t",
    tag: "0",
    onState: (view) => states.push(view),
    onConnection: (isConnected) => connections.push(isConnected),
    onGone: () => undefined,
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("A stream that says something now and then is kept, however little there is to tell.", () => {
  sources[0]!.says("open");
  for (let beats = 0; beats < 20; beats += 1) {
    vi.advanceTimersByTime(15_000);
    sources[0]!.says("beat");
  }
  expect([sources.length, connections.includes(false)]).toEqual([1, false]);
});

test("A stream that falls silent is left for a new one, which tells what was missed; meanwhile the page says that it is cut off.", () => {
  sources[0]!.says("open");
  sources[0]!.says("track", { data: '{"eta":1}', lastEventId: "1" });
  vi.advanceTimersByTime(44_000);
  expect(sources).toHaveLength(1);
  vi.advanceTimersByTime(2_000);
  expect([sources.length, sources[0]!.readyState]).toEqual([2, FakeSource.CLOSED]);
  vi.advanceTimersByTime(6_000);
  expect(connections.at(-1)).toBe(false);
  sources[1]!.says("open");
  sources[1]!.says("track", { data: '{"eta":2}', lastEventId: "2" });
  expect([connections.at(-1), states]).toEqual([true, [{ eta: 1 }, { eta: 2 }]]);
});

test("A connection that never opens is tried again.", () => {
  vi.advanceTimersByTime(50_000);
  expect([sources.length, connections]).toEqual([2, []]);
  vi.advanceTimersByTime(2_000);
  expect(connections).toEqual([false]);
});

test("A link that is closed is followed no more.", () => {
  sources[0]!.says("open");
  sources[0]!.says("closed");
  vi.advanceTimersByTime(600_000);
  expect([sources.length, sources[0]!.readyState]).toEqual([1, FakeSource.CLOSED]);
});
