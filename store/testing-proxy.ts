import { type AddressInfo, connect, createServer } from "node:net";

/** The message with which the server ends every answer, and its length. */
const READY = "Z".charCodeAt(0);
const READY_BYTES = 6;

/** Stands between a client and the server: what one says to the other may get lost or be late. */
export type TestProxy = {
  url: string;
  close(): Promise<void>;
  /** Cuts the connection where the server should next be heard to be ready: what was asked of it is done. */
  swallowNextAnswer(): void;
  /** Keeps what the server says back until released; `asked` resolves when the client has said something. */
  hold(): { asked: Promise<void>; release(): void };
};

export async function openTestProxy(url: string): Promise<TestProxy> {
  const target = new URL(url);
  const serverPort = Number(target.port);
  let swallow = false;
  let held: Promise<void> | undefined;
  let heard: (() => void) | undefined;
  const proxy = createServer((client) => {
    const server = connect(serverPort, target.hostname);
    const cut = () => {
      client.destroy();
      server.destroy();
    };
    client.on("error", cut).on("close", cut);
    server.on("error", cut).on("close", cut);
    client.on("data", (bytes) => {
      server.write(bytes);
      heard?.();
    });
    const answer = (bytes: Uint8Array) => {
      if (!swallow || bytes.at(-READY_BYTES) !== READY) return void client.write(bytes);
      swallow = false;
      cut();
    };
    server.on("data", (bytes) => (held === undefined ? answer(bytes) : void held.then(() => answer(bytes))));
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  target.port = String((proxy.address() as AddressInfo).port);
  return {
    url: target.href,
    close: () => new Promise((resolve) => proxy.close(() => resolve())),
    swallowNextAnswer: () => {
      swallow = true;
    },
    hold: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const asked = Promise.withResolvers<void>();
      held = promise;
      heard = asked.resolve;
      return { asked: asked.promise, release: resolve };
    },
  };
}
