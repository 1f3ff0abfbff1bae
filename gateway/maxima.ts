/** Every limit of the gateway that is not a setting. */

/** Connections waiting to be accepted; 4,096 halves a storm of 10,000 connections against Node's 511. */
export const ACCEPT_BACKLOG = 4_096;

/**
 * Stream buffer of a socket. A paused socket stops reading once it holds this much, so a session holds at most one begun
 * frame (`frameBytesMax`) and two reads of the operating system (64 kB each).
 */
export const SOCKET_BUFFER_BYTES = 1_024;

/** Acks that a peer has not taken off us; beyond it the connection is closed as a slow reader. */
export const UNREAD_ACK_BYTES_MAX = 4_096;

/** Time that a closed connection has to take its last bytes. */
export const CLOSE_TIMEOUT_MS = 2_000;

/** How often time limits are looked at and batches are written; a limit is kept to this much. */
export const SWEEP_INTERVAL_MS = 500;

/** Wait before asking the device directory again while the database is away. */
export const DIRECTORY_RETRY_MS = 1_000;

/** Wait before offering a frame again to a journal that is full. */
export const JOURNAL_FULL_RETRY_MS = 250;

/** Fleet of the devices that register themselves (`AUTO_REGISTER`). */
export const DEFAULT_FLEET_ID = 1;

/** Largest PROXY protocol header believed, with its extensions (certificates of the balancer's own TLS fit). */
export const PROXY_HEADER_BYTES_MAX = 4_096;

/** Notes about sessions that may wait for their commit; beyond it they are dropped and counted. */
export const NOTES_PENDING_MAX = 20_000;

/** A device whose sessions supersede each other in turn is noted as in conflict once in this time. */
export const CONFLICT_NOTE_INTERVAL_MS = 60_000;

/** Rejected frames kept with their bytes; beyond these rates they are only counted. */
export const QUARANTINE_PER_DEVICE_PER_MINUTE = 10;
export const QUARANTINE_PER_MINUTE = 600;
export const QUARANTINE_KEYS_MAX = 50_000;
export const QUARANTINE_PENDING_ROWS_MAX = 500;
export const QUARANTINE_PENDING_BYTES_MAX = 4_194_304;
export const QUARANTINE_BATCH_ROWS = 100;

/** Bytes kept of a connection whose framing was lost. */
export const LOST_FRAMING_BYTES_KEPT = 1_024;

/** Unknown uids kept between two batches of knocks; beyond it they are only counted. */
export const KNOCK_UIDS_PER_BATCH_MAX = 200;

/** Datagrams of one source address, sustained and at once. Carriers put many devices behind one address. */
export const DATAGRAMS_PER_ADDRESS_PER_SECOND = 1_000;
export const DATAGRAMS_PER_ADDRESS_BURST = 2_000;
export const DATAGRAM_ADDRESSES_MAX = 100_000;

/** Datagrams that may wait for the directory or for their commit. */
export const DATAGRAMS_PENDING_MAX = 10_000;

/** Receive buffer asked of the operating system for a UDP socket. */
export const DATAGRAM_RECEIVE_BUFFER_BYTES = 4_194_304;

/** Frames of one session taken before the others get their turn. */
export const FRAMES_PER_TURN_MAX = 64;

/** Time for the whole PROXY protocol header: a balancer sends it with its first packet. */
export const PROXY_HEADER_TIMEOUT_MS = 3_000;

/** A log message that devices or outages can repeat is written once in this time. */
export const REPEATED_LOG_INTERVAL_MS = 10_000;
