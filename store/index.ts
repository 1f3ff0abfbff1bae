export { type CommandStore, openCommandStore } from "./command-delivery.ts";
export { cancelCommand, createCommand, findCommand, findDeviceProtocol, listCommands } from "./commands.ts";
export { type Database, openDatabase } from "./database.ts";
export { type DeviceDirectory, openDeviceDirectory } from "./device-directory.ts";
export { verifyPassword } from "./device-passwords.ts";
export {
  type Device,
  findDevice,
  findDeviceByUid,
  type Knock,
  listDevices,
  listUnknownDevices,
  recordKnocks,
  registerDevice,
  removeDevice,
  type UnknownDevice,
  updateDevice,
} from "./devices.ts";
export {
  type EmbeddedPostgres,
  EmbeddedPostgresError,
  findEmbeddedPostgres,
  openEmbeddedPostgres,
} from "./embedded.ts";
export type { JournalFrame, JournalReader, JournalWriter, NewFrame } from "./journal.ts";
export { openJournalReader } from "./journal-reader.ts";
export { createKey, ensureAdminKey, listKeys, revokeKey } from "./keys.ts";
export { listen } from "./listen.ts";
export { openMaintenance } from "./maintenance.ts";
export { MigrationError, migrate } from "./migrate.ts";
export {
  JournalClosedError,
  JournalFrameError,
  JournalFullError,
  openPostgresJournal,
  type PostgresJournal,
} from "./postgres-journal.ts";
export { quarantineRejected } from "./quarantine-writes.ts";
export { readStreamLagS } from "./stream-lag.ts";
