/**
 * What this phone has to say and has not got stored yet, in IndexedDB: it outlives the page, the browser and the battery.
 * Whatever is put in here leaves only when the server has answered that it is stored, or a person discards it.
 */

import type { Position } from "../../../driver/positions.ts";

export type Message = {
  /** What the server knows it by: sent again it is the same. */
  id: string;
  driverId: string;
  stopId: string;
  madeAtMs: number;
  content:
    | { kind: "claim"; claim: "arrived" | "departed"; fields: { [name: string]: string | number } }
    | { kind: "proof"; outcome: "delivered" | "failed"; fields: [string, string][]; files: [string, Blob][] };
  /** Why the server will not take it as it is; null: it waits to be sent. */
  refusal: string | null;
};

export type QueuedPosition = { driverId: string; position: Position };

const DATABASE = "driver";
const VERSION = 1;
const POSITIONS = "positions";
const MESSAGES = "messages";
const KEPT = "kept";

let opened: Promise<IDBDatabase> | undefined;

function open(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, VERSION);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(POSITIONS, { autoIncrement: true });
      request.result.createObjectStore(MESSAGES, { keyPath: "id" });
      request.result.createObjectStore(KEPT);
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("IndexedDB does not open"));
  });
  return opened;
}

/** Resolves when the transaction is on the phone's disk. */
async function change(store: string, work: (store: IDBObjectStore) => void): Promise<void> {
  const database = await open();
  await new Promise<void>((resolve, reject) => {
    const transaction = database.transaction(store, "readwrite", { durability: "strict" });
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error("nothing was kept"));
    work(transaction.objectStore(store));
  });
}

async function read<Result>(store: string, ask: (store: IDBObjectStore) => IDBRequest<Result>): Promise<Result> {
  const database = await open();
  return new Promise((resolve, reject) => {
    const request = ask(database.transaction(store, "readonly").objectStore(store));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("nothing was read"));
  });
}

export const addPosition = (queued: QueuedPosition): Promise<void> => change(POSITIONS, (store) => store.add(queued));

export const countPositions = (): Promise<number> => read(POSITIONS, (store) => store.count());

/** The oldest of a driver with the keys to take them out again. */
export async function oldestPositions(
  driverId: string,
  limit: number,
): Promise<{ keys: IDBValidKey[]; positions: Position[] }> {
  const database = await open();
  return new Promise((resolve, reject) => {
    const keys: IDBValidKey[] = [];
    const positions: Position[] = [];
    const request = database.transaction(POSITIONS, "readonly").objectStore(POSITIONS).openCursor();
    request.onerror = () => reject(request.error ?? new Error("nothing was read"));
    request.onsuccess = () => {
      const cursor = request.result;
      if (cursor === null || keys.length === limit) return resolve({ keys, positions });
      const queued = cursor.value as QueuedPosition;
      if (queued.driverId === driverId) {
        keys.push(cursor.primaryKey);
        positions.push(queued.position);
      }
      cursor.continue();
    };
  });
}

export const dropPositions = (keys: readonly IDBValidKey[]): Promise<void> =>
  change(POSITIONS, (store) => {
    for (const key of keys) store.delete(key);
  });

/** Puts a message in, or in place of the one of the same id. */
export const putMessage = (message: Message): Promise<void> => change(MESSAGES, (store) => store.put(message));

export const dropMessage = (id: string): Promise<void> => change(MESSAGES, (store) => store.delete(id));

/** In the order in which they were made. */
export async function readMessages(): Promise<Message[]> {
  const messages: Message[] = await read(MESSAGES, (store) => store.getAll());
  return messages.sort((a, b) => a.madeAtMs - b.madeAtMs);
}

export const keep = (name: string, value: unknown): Promise<void> => change(KEPT, (store) => store.put(value, name));

export const recall = <Value>(name: string): Promise<Value | undefined> => read(KEPT, (store) => store.get(name));
