import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { Aedes } from "aedes";

/** The broker library of the gateway by itself, nothing stored, in a process of its own; sends its port to the parent. */

const broker = await Aedes.createBroker();
const server = createServer({ noDelay: true }, (socket) => void broker.handle(socket));
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 });
await once(server, "listening");
process.on("disconnect", () => process.exit(0));
process.send?.({ port: (server.address() as AddressInfo).port });
