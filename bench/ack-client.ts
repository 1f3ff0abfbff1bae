import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { encodeLogin } from "#decoders/teltonika/encode.ts";
import type { ServerFigure, ServerMode } from "./ack-server.ts";

/** The device side of the socket benchmarks: many connections, each with one packet in flight. */

/** `ack-server.ts` in a process of its own. */
export class MeasuredServer {
  readonly #child: ChildProcess;
  port = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(mode: ServerMode): Promise<MeasuredServer> {
    const server = new MeasuredServer(
      fork(new URL("ack-server.ts", import.meta.url).pathname, [mode], {
        execArgv: ["--expose-gc", "--max-semi-space-size=4"],
      }),
    );
    const [message] = await once(server.#child, "message");
    server.port = message.port;
    return server;
  }

  /** CPU seconds that it has used. */
  cpuSeconds(): Promise<number> {
    return this.#ask("cpuSeconds");
  }

  /** Resident memory after a collection of garbage. */
  rssBytes(): Promise<number> {
    return this.#ask("rssBytes");
  }

  async #ask(figure: ServerFigure): Promise<number> {
    this.#child.send(figure);
    const [value] = await once(this.#child, "message");
    return value;
  }

  async stop(): Promise<void> {
    this.#child.disconnect();
    await once(this.#child, "exit");
  }
}

const CONNECTING_AT_ONCE = 200;

/** What a connection says first, and the answer that lets it in. */
export type Login = { say(index: number): Uint8Array; welcome: Uint8Array };

export const trackerLogin: Login = {
  say: (index) => encodeLogin(String(350_000_000_000_000 + index)),
  welcome: Uint8Array.of(1),
};

/** Opens `count` connections; with `login`, each says who it is and waits for the answer. Rejects when it is refused. */
export async function openConnections(port: number, count: number, login: Login | null): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const some = Array.from({ length: Math.min(CONNECTING_AT_ONCE, count - sockets.length) }, async (_, offset) => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true });
      await once(socket, "connect");
      if (login) {
        socket.write(login.say(sockets.length + offset));
        const [answer] = (await once(socket, "data")) as [Buffer];
        if (!answer.equals(login.welcome)) throw new Error(`a login is answered by ${answer.toString("hex")}`);
      }
      return socket;
    });
    sockets.push(...(await Promise.all(some)));
  }
  return sockets;
}

/** Each connection writes `packet`, waits for `answerBytes`, and again; returns the packets answered in `seconds`. */
export async function pump(
  sockets: readonly Socket[],
  packet: Uint8Array,
  answerBytes: number,
  seconds: number,
): Promise<number> {
  let answered = 0;
  let running = true;
  const pumps = sockets.map(
    (socket) =>
      new Promise<void>((resolve) => {
        let pending = answerBytes;
        socket.on("data", (bytes) => {
          pending -= bytes.length;
          if (pending > 0) return;
          pending = answerBytes;
          answered++;
          if (running) socket.write(packet);
          else resolve();
        });
        socket.write(packet);
      }),
  );
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  running = false;
  await Promise.all(pumps);
  for (const socket of sockets) socket.removeAllListeners("data");
  return answered;
}
