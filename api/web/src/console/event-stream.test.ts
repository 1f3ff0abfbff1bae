import fc from "fast-check";
import { expect, test } from "vitest";
import { readEventStream, type StreamMessage } from "./event-stream.ts";

const TEXT =
  'retry: 1000\n\n: waiting\nid: c0\n\nid: c1\nevent: fix\ndata: {"name":"Åsa"}\n\nid: c2\nevent: fix\ndata: a\ndata: b\n\n';

async function messagesOf(chunks: readonly Uint8Array[]) {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  const messages: StreamMessage[] = [];
  for await (const message of readEventStream(body)) messages.push(message);
  return messages;
}

test("Messages come with their places, however the bytes are cut, also inside a letter.", async () => {
  const bytes = new TextEncoder().encode(TEXT);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 8 }), async (places) => {
      const cuts = [0, ...places.sort((a, b) => a - b), bytes.length];
      const chunks = cuts.slice(1).map((end, i) => bytes.subarray(cuts[i], end));
      expect(await messagesOf(chunks)).toEqual([
        { id: null, event: "message", data: "" },
        { id: "c0", event: "message", data: "" },
        { id: "c1", event: "fix", data: '{"name":"Åsa"}' },
        { id: "c2", event: "fix", data: "a\nb" },
      ]);
    }),
  );
});

test("A message that is not finished when the connection ends is left out: it comes again after the last place.", async () => {
  expect(await messagesOf([new TextEncoder().encode("id: c1\ndata: whole\n\nid: c2\ndata: ha")])).toEqual([
    { id: "c1", event: "message", data: "whole" },
  ]);
});

test("A connection that says nothing any more, and never ends, is given up.", async () => {
  let isCancelled = false;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("id: c1\ndata: last\n\n")),
    cancel: () => {
      isCancelled = true;
    },
  });
  const heard: StreamMessage[] = [];
  for await (const message of readEventStream(body, 30)) heard.push(message);
  expect(heard.map(({ data }) => data)).toEqual(["last"]);
  expect(isCancelled).toBe(true);
});
