import { pino } from "pino";
import { SCOPES } from "#api";
import { findDecoder } from "#decoders";
import { prepareCommand } from "#gateway/commands/prepare.ts";
import {
  cancelCommand,
  createCommand,
  createKey,
  type Database,
  type Device,
  findCommand,
  findDevice,
  findDeviceProtocol,
  findEmbeddedPostgres,
  listCommands,
  listDevices,
  listKeys,
  migrate,
  openDatabase,
  registerDevice,
  revokeKey,
} from "#store";
import { replay } from "#stream";
import { openStreamRoads } from "#stream/match/stream-roads.ts";
import type { Config } from "./config.ts";
import { openDatabaseServer } from "./service.ts";
import { UsageError } from "./usage-error.ts";

/** Administration from the command line, on the same database as the service. */

type Print = (line: string) => void;

const PAGE_ROWS = 1_000;
const DEFAULT_FLEET_ID = 1;
/** SQLSTATE foreign_key_violation. */
const FOREIGN_KEY_VIOLATED = "23503";

export class CommandFailedError extends Error {}

/** The server that a running service has on the data folder; otherwise one of our own for as long as the command takes. */
async function reachDatabaseServer(config: Config): Promise<{ url: string; close(): Promise<void> }> {
  const running = config.DATABASE_URL ? undefined : await findEmbeddedPostgres(config.DATA_DIR);
  return running ? { url: running.url, close: () => Promise.resolve() } : openDatabaseServer(config);
}

async function withDatabase(config: Config, work: (database: Database) => Promise<void>): Promise<void> {
  const server = await reachDatabaseServer(config);
  try {
    await migrate(server.url);
    const database = await openDatabase({ url: server.url, applicationName: "telematics admin", connectionsMax: 2 });
    try {
      await work(database);
    } finally {
      await database.close();
    }
  } finally {
    await server.close();
  }
}

export async function migrateDatabase(config: Config, print: Print): Promise<void> {
  const server = await reachDatabaseServer(config);
  try {
    const { applied } = await migrate(server.url);
    print(JSON.stringify({ applied }));
  } finally {
    await server.close();
  }
}

export function listAllDevices(config: Config, print: Print): Promise<void> {
  return withDatabase(config, async (database) => {
    let after = 0;
    for (;;) {
      const devices = await listDevices(database, { fleetId: null, after, limit: PAGE_ROWS });
      for (const device of devices) print(shownDevice(device));
      const last = devices.at(-1);
      if (last === undefined || devices.length < PAGE_ROWS) return;
      after = last.deviceId;
    }
  });
}

export function addDevice(
  config: Config,
  device: { uid: string; model?: string; protocol?: string; name?: string },
  print: Print,
): Promise<void> {
  return withDatabase(config, async (database) => {
    const result = await registerDevice(database, { fleetId: DEFAULT_FLEET_ID, ...device });
    if (result.kind === "exists") throw new CommandFailedError(`${device.uid} is registered already`);
    print(shownDevice(result.device));
  });
}

/** A device without its settings: they hold secrets. */
function shownDevice({ settings: _, ...device }: Device): string {
  return JSON.stringify(device);
}

export function listAllKeys(config: Config, print: Print): Promise<void> {
  return withDatabase(config, async (database) => {
    let afterKeyId = 0;
    for (;;) {
      const keys = await listKeys(database, null, { afterKeyId, limit: PAGE_ROWS });
      for (const key of keys) print(JSON.stringify(key));
      const last = keys.at(-1);
      if (last === undefined || keys.length < PAGE_ROWS) return;
      afterKeyId = last.keyId;
    }
  });
}

export function createApiKey(
  config: Config,
  name: string,
  options: { scopes: string; fleet?: number },
  print: Print,
): Promise<void> {
  const scopes = parseScopes(options.scopes);
  return withDatabase(config, async (database) => {
    const fleetId = options.fleet ?? null;
    const created = await createKey(database, { name, scopes, fleetId, expiresAt: null }).catch((error: unknown) => {
      if ((error as { code?: unknown }).code !== FOREIGN_KEY_VIOLATED) throw error;
      throw new CommandFailedError(`there is no fleet ${fleetId}`, { cause: error });
    });
    print(JSON.stringify({ ...created.key, secret: created.secret }));
  });
}

function parseScopes(list: string): string[] {
  const scopes = list.split(",").map((scope) => scope.trim());
  const unknown = scopes.filter((scope) => !(SCOPES as readonly string[]).includes(scope));
  if (unknown.length > 0) throw new UsageError(`--scopes: unknown ${unknown.join(", ")}; known: ${SCOPES.join(", ")}`);
  return scopes;
}

export function revokeApiKey(config: Config, keyId: number): Promise<void> {
  return withDatabase(config, async (database) => {
    if (!(await revokeKey(database, null, keyId))) throw new CommandFailedError(`there is no key ${keyId}`);
  });
}

export function replayFrames(
  config: Config,
  options: { from: Date; to: Date; device?: string; apply?: boolean },
  print: Print,
): Promise<void> {
  return withDatabase(config, async (database) => {
    const { from, to, device, apply = false } = options;
    await replay({
      database,
      fromMs: from.getTime(),
      toMs: to.getTime(),
      ...(device === undefined ? {} : { deviceUid: device }),
      apply,
      roads: config.ROADS === undefined ? undefined : openStreamRoads(config.ROADS),
      findDecoder,
      log: pino({ level: config.LOG_LEVEL }, pino.destination(2)),
      write: print,
    });
  });
}

export function listAllCommands(
  config: Config,
  options: { device?: string; limit: number },
  print: Print,
): Promise<void> {
  return withDatabase(config, async (database) => {
    const filter = { deviceUid: options.device ?? null, state: null };
    for (const command of await listCommands(database, null, filter, { beforeId: null, limit: options.limit })) {
      print(JSON.stringify(command));
    }
  });
}

export function sendCommand(
  config: Config,
  asked: { uid: string; text: string; ttl: number; attempts: number; class?: "normal" | "immobiliser" },
  print: Print,
): Promise<void> {
  return withDatabase(config, async (database) => {
    const device = await findDevice(database, null, asked.uid);
    if (device === undefined) throw new CommandFailedError(`there is no device ${asked.uid}`);
    const protocol = await findDeviceProtocol(database, device.deviceId);
    if (protocol === null) throw new CommandFailedError("the device's protocol is not known yet");
    const { text, class: commandClass } = asked;
    const prepared = prepareCommand({ protocol, text, ...(commandClass === undefined ? {} : { class: commandClass }) });
    if (prepared.kind === "misfit") throw new CommandFailedError(prepared.detail);
    const commandId = await createCommand(database, {
      fleetId: device.fleetId,
      deviceId: device.deviceId,
      protocol,
      class: prepared.class,
      text: prepared.text,
      condition: prepared.condition,
      keyId: null,
      ttlS: asked.ttl,
      attemptsMax: asked.attempts,
    });
    print(JSON.stringify(await findCommand(database, null, commandId)));
  });
}

export function cancelQueuedCommand(config: Config, commandId: number): Promise<void> {
  return withDatabase(config, async (database) => {
    if (await cancelCommand(database, null, String(commandId), null)) return;
    const command = await findCommand(database, null, String(commandId));
    throw new CommandFailedError(command === undefined ? `there is no command ${commandId}` : `it is ${command.state}`);
  });
}
