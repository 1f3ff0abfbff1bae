import { dropMessage, dropPositions, type Message, oldestPositions, putMessage, readMessages } from "./outbox.ts";

/** Sends what the outbox holds, until all of it is stored or the server can't be reached. */

const POSITIONS_PER_REQUEST = 100;
const REQUEST_TIMEOUT_MS = 60_000;
const LOCK = "driver-outbox";

/** `closed`: the link answers no more; what is kept waits for the driver's next link. */
export type Sent = "all" | "unreachable" | "closed";

type Answer = "stored" | "unreachable" | "closed" | { refusal: string };

/** One page of this phone sends at a time; two would do no harm, as the server knows what it has. */
export function sendOutbox(token: string, driverId: string, onProgress: () => void): Promise<Sent> {
  return navigator.locks.request(LOCK, async () => {
    for (const message of await readMessages()) {
      if (message.driverId !== driverId || message.refusal !== null) continue;
      const answer = await sendMessage(token, message);
      if (answer === "unreachable" || answer === "closed") return answer;
      if (answer === "stored") await dropMessage(message.id);
      else await putMessage({ ...message, refusal: answer.refusal });
      onProgress();
    }
    return sendPositions(token, driverId, onProgress);
  });
}

async function sendPositions(token: string, driverId: string, onProgress: () => void): Promise<Sent> {
  for (;;) {
    const { keys, positions } = await oldestPositions(driverId, POSITIONS_PER_REQUEST);
    if (keys.length === 0) return "all";
    const body = JSON.stringify({ sentAt: new Date().toISOString(), positions });
    const answer = await post(`/v1/driver/${token}/positions`, body, "application/json");
    if (answer !== "stored") return answer === "closed" ? "closed" : "unreachable";
    await dropPositions(keys);
    onProgress();
  }
}

function sendMessage(token: string, { id, stopId, content }: Message): Promise<Answer> {
  const path = `/v1/driver/${token}/stops/${stopId}`;
  switch (content.kind) {
    case "claim": {
      const body = JSON.stringify({ clientId: id, kind: content.claim, ...content.fields });
      return post(`${path}/claims`, body, "application/json");
    }
    case "proof": {
      const form = new FormData();
      form.append("clientId", id);
      form.append("outcome", content.outcome);
      form.append("sentAt", new Date().toISOString());
      for (const [name, value] of content.fields) form.append(name, value);
      for (const [name, blob] of content.files) form.append(name, blob, `${name}.${blob.type.split("/")[1] ?? "bin"}`);
      return post(`${path}/pod`, form);
    }
  }
}

/** Anything but a clear no means: keep it and try again. */
async function post(path: string, body: BodyInit, type?: string): Promise<Answer> {
  try {
    const headers = type === undefined ? {} : { "content-type": type };
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const response = await fetch(path, { method: "POST", body, headers, signal });
    if (response.ok) return "stored";
    if (response.status === 404) return (await isLinkClosed(path)) ? "closed" : { refusal: "not_found" };
    if (response.status >= 500 || response.status === 408 || response.status === 429) return "unreachable";
    const { code = "bad_request" } = (await response.json()) as { code?: string };
    return { refusal: code };
  } catch {
    return "unreachable";
  }
}

/** A stop that is gone and a link that is gone both answer 404; the day itself tells them apart. */
async function isLinkClosed(path: string): Promise<boolean> {
  const response = await fetch(path.split("/", 4).join("/"));
  return response.status === 404;
}
