/** Every limit of the gateway that is not a setting. */

/** Connections waiting to be accepted; 4,096 halves a storm of 10,000 connections against Node's 511. */
export const ACCEPT_BACKLOG = 4_096;

/**
 * Stream buffer of a socket. A paused socket stops reading once it holds this much, so a session holds at most one begun
 * frame (`frameBytesMax`) and two reads of the operating system (64 kB each).
 */
export const SOCKET_BUFFER_BYTES = 1_024;

/** Frames that were begun and are not complete, on all TCP connections together; beyond it the oldest are let go. */
export const BEGUN_FRAMES_BYTES_MAX = 268_435_456;

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

/** Devices that one run of the process registers by itself; strangers beyond it stay unknown. */
export const AUTO_REGISTER_MAX = 10_000;

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
export const DATAGRAMS_PENDING_BYTES_MAX = 16_777_216;

/** Receive buffer asked of the operating system for a UDP socket. */
export const DATAGRAM_RECEIVE_BUFFER_BYTES = 4_194_304;

/** Frames of one session taken before the others get their turn. */
export const FRAMES_PER_TURN_MAX = 64;

/** Time for the whole PROXY protocol header: a balancer sends it with its first packet. */
export const PROXY_HEADER_TIMEOUT_MS = 3_000;

/** How long the answer to a command is waited for; devices ask their CAN bus or GNSS first. */
export const COMMAND_ANSWER_TIMEOUT_MS = 60_000;

/** How long a command may wait for the frame in hand: its condition was judged before. */
export const COMMAND_HELD_MAX_MS = 2_000;

/** After the time for an answer, how long a late one is let pass where answers bear no id, so that it is not taken for another's. */
export const COMMAND_LATE_ANSWER_MS = 30_000;

/** How long a command whose condition cannot be judged waits for a fix. */
export const COMMAND_EVIDENCE_PATIENCE_MS = 60_000;

/** How often waiting commands are looked for besides notifications. */
export const COMMAND_POLL_MS = 5_000;

/** A command in flight is given up this long after its answer is due: its gateway is gone. */
export const COMMAND_LEASE_MARGIN_MS = 30_000;

/** Devices with open commands looked at in one sweep, and commands taken over from gateways that are gone. */
export const COMMAND_DEVICES_MAX = 100_000;
export const COMMAND_LAPSED_MAX = 100;

/** Frames of a device searched for the answer that a lost gateway did not note. */
export const COMMAND_FRAMES_SEARCHED_MAX = 1_000;

/** A log message that devices or outages can repeat is written once in this time. */
export const REPEATED_LOG_INTERVAL_MS = 10_000;

/** Passwords being checked at once (each takes 16 MB and a core for 40 ms), those that may wait, those remembered. */
export const PASSWORD_CHECKS_AT_ONCE = 2;
export const PASSWORD_CHECKS_WAITING_MAX = 1_000;
export const PASSWORDS_REMEMBERED_MAX = 100_000;

/** Passwords that one address may try for one device; what was right before is not counted. */
export const PASSWORD_TRIES_PER_MINUTE = 10;
export const PASSWORD_TRY_KEYS_MAX = 50_000;

/** Payload of an MQTT publish and body of an HTTP request. */
export const PAYLOAD_BYTES_MAX = 65_536;

/** MQTT topics believed; `owntracks/<user>/<device>/waypoints` with long names fits. */
export const TOPIC_BYTES_MAX = 512;

/** Whole MQTT packets: a CONNECT with its will, a PUBLISH, any other. */
export const CONNECT_BYTES_MAX = 8_192;
export const PUBLISH_BYTES_MAX = PAYLOAD_BYTES_MAX + TOPIC_BYTES_MAX + 9;
export const CONTROL_BYTES_MAX = 4_096;

/** Publishes of one MQTT connection that wait for their commit; the next ones are left in its socket. */
export const PUBLISHES_IN_FLIGHT_MAX = 64;

/** Longest keep-alive interval granted to an MQTT client; one that asks for more, or for none, gets this. */
export const KEEP_ALIVE_S_MAX = 7_200;

/** Bytes of commands that an MQTT client has not taken off us; beyond it the connection is closed as a slow reader. */
export const UNREAD_MQTT_BYTES_MAX = 131_072;

/** One message of a WebSocket, which may hold several MQTT packets. */
export const WEB_SOCKET_MESSAGE_BYTES_MAX = 131_072;

/** Messages of an external broker that wait for their commit at once. */
export const UPSTREAM_IN_FLIGHT_MAX = 500;
export const UPSTREAM_RECONNECT_MS = 2_000;

/** Request head, its path with the query, and requests that one HTTP connection may send without waiting for answers. */
export const HTTP_HEAD_BYTES_MAX = 8_192;
export const HTTP_PATH_CHARACTERS_MAX = 4_096;
export const HTTP_REQUESTS_IN_FLIGHT_MAX = 8;

/** Silence after which an HTTP connection without a request is closed; slow request heads end by it too. */
export const HTTP_IDLE_TIMEOUT_MS = 30_000;

/** How long an HTTP request waits for its commit, and when the client is asked to come again after that. */
export const HTTP_COMMIT_TIMEOUT_MS = 15_000;
export const HTTP_RETRY_AFTER_S = 10;
