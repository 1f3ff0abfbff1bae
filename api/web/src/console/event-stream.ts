/** One message of a stream of server-sent events; `data` is empty where only the place moved on. */
export type StreamMessage = { id: string | null; event: string; data: string };

/** The server says something at least every 15 s. Who hears nothing for three times as long is not connected any more. */
const SILENCE_MS_MAX = 45_000;

/**
 * The messages of a body of server-sent events (WHATWG HTML, section 9.2), as they come, until it ends or is silent for too
 * long: a network that goes away says nothing of it. The browser's own `EventSource` can't send a key.
 */
export async function* readEventStream(
  body: ReadableStream<Uint8Array>,
  silenceMsMax = SILENCE_MS_MAX,
): AsyncGenerator<StreamMessage> {
  let rest = "";
  for await (const text of decoded(body, silenceMsMax)) {
    const blocks = (rest + text).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) yield readMessage(block);
  }
}

async function* decoded(body: ReadableStream<Uint8Array>, silenceMsMax: number): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const read = async () => {
    // Cancelling ends the read that waits as if the body had ended.
    const silence = setTimeout(() => void reader.cancel(), silenceMsMax);
    try {
      return await reader.read();
    } finally {
      clearTimeout(silence);
    }
  };
  try {
    for (let chunk = await read(); !chunk.done; chunk = await read())
      yield decoder.decode(chunk.value, { stream: true });
  } finally {
    reader.releaseLock();
  }
}

function readMessage(block: string): StreamMessage {
  const message: StreamMessage = { id: null, event: "message", data: "" };
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    const [field, value] = [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, "")];
    if (field === "id") message.id = value;
    else if (field === "event") message.event = value;
    else if (field === "data") message.data += message.data === "" ? value : `\n${value}`;
  }
  return message;
}
