import { isIP } from "node:net";
import { availableParallelism } from "node:os";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { PARTITIONS } from "#store/journal.ts";

/**
 * The one configuration schema. Values come from the environment and from command-line options of the same meaning;
 * everything is parsed once, and all errors are reported together before anything starts.
 */

const Port = (fallback: number, description: string) =>
  Type.Integer({ minimum: 0, maximum: 65_535, default: fallback, description: `${description}; 0 picks a free port` });
const OptionalPort = (description: string) =>
  Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535, description: `${description}; 0 picks a free port` }));
const Milliseconds = (fallback: number, description: string) =>
  Type.Integer({ minimum: 1, default: fallback, description });
const Count = (fallback: number, description: string) => Type.Integer({ minimum: 1, default: fallback, description });
const Text = (description: string) => Type.Optional(Type.String({ minLength: 1, description }));
const Flag = (description: string) => Type.Boolean({ default: false, description });

/** More only wait for the database by then. */
const STREAM_PROCESSES_UNASKED_MAX = 4;
const MQTT_TLS_PORT_DEFAULT = 8_883;
/** A silence of up to a week is reported once because its event is there. */
const EVENT_RETENTION_DAYS_MIN = 8;

export const ConfigSchema = Type.Object({
  DATABASE_URL: Text("PostgreSQL or TimescaleDB server; without it an embedded PostgreSQL runs under DATA_DIR"),
  DATA_DIR: Type.String({ minLength: 1, default: "./data", description: "Where the embedded database lives" }),
  HOST: Type.String({ minLength: 1, default: "0.0.0.0", description: "Address that the listeners bind to" }),
  HTTP_PORT: Port(8080, "HTTP API"),
  TELTONIKA_PORT: Port(5027, "Teltonika, TCP and UDP"),
  TELTONIKA_TLS_PORT: OptionalPort("Teltonika over TLS; needs TLS_CERT and TLS_KEY"),
  QUECLINK_PORT: Port(5004, "Queclink, TCP and UDP"),
  GT06_PORT: Port(5023, "GT06, TCP"),
  OSMAND_PORT: Port(5055, "OsmAnd, Traccar Client and OwnTracks over HTTP"),
  MQTT_PORT: Port(1883, "MQTT 3.1.1 for phones"),
  MQTT_TLS_PORT: OptionalPort("MQTT over TLS; 8883 where TLS_CERT and TLS_KEY are set"),
  MQTT_WS_PORT: OptionalPort("MQTT over WebSocket; off unless set"),
  MQTT_UPSTREAM_URL: Type.Optional(
    Type.String({
      pattern: "^(mqtt|mqtts|ws|wss)://.+",
      description: "Takes phones from this external MQTT broker instead of being one",
    }),
  ),
  PHONES_URL: Type.Optional(
    Type.String({
      pattern: "^https?://.+",
      description:
        "Where the API reaches the gateway's listener for phones, for the driver's page; OSMAND_PORT of this machine unless told",
    }),
  ),
  TLS_CERT: Text("PEM file of the server's certificate chain"),
  TLS_KEY: Text("PEM file of the server's private key"),
  METRICS_PORT: Port(0, "Prometheus metrics of the gateway and stream roles when they run apart"),
  AUTO_REGISTER: Flag("Register unknown devices in the default fleet when they knock; for demos"),
  ADMIN_API_KEY: Type.Optional(
    Type.String({
      pattern: "^tg_live_[A-Za-z0-9_-]{43}$",
      description: "Sets the first API key instead of printing one",
    }),
  ),
  LOG_LEVEL: Type.Enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"], {
    default: "info",
    description: "Log level",
  }),
  PROXY_PROTOCOL: Flag("Expect a PROXY protocol v2 header on every TCP connection; only behind a load balancer"),
  CONNECTIONS_MAX: Count(50_000, "Device connections in total"),
  CONNECTIONS_PER_ADDRESS_MAX: Count(1_000, "Device connections of one network address"),
  LOGIN_TIMEOUT_MS: Milliseconds(10_000, "Time for a connection to say who it is"),
  IDLE_TIMEOUT_MS: Milliseconds(1_900_000, "Silence after which a connection is closed; above the longest device ping"),
  FRAME_TIMEOUT_MS: Milliseconds(30_000, "Time for a begun frame to be complete; closes slow senders and readers"),
  COMMIT_TIMEOUT_MS: Milliseconds(
    15_000,
    "Time that an HTTP request waits for its commit; then it is told to come again",
  ),
  DRAIN_TIMEOUT_MS: Milliseconds(10_000, "Time that SIGTERM leaves for frames in flight"),
  STREAM_PROCESSES: Type.Integer({
    minimum: 1,
    maximum: PARTITIONS,
    default: Math.min(availableParallelism(), STREAM_PROCESSES_UNASKED_MAX),
    description: `Processes that share the stream role's work where roles run together; unless told one a core, up to ${STREAM_PROCESSES_UNASKED_MAX}`,
  }),
  JOURNAL_PENDING_BYTES_MAX: Count(67_108_864, "Bytes of frames that may wait for their commit"),
  FRESH_DELAYED_S: Count(60, "Age in seconds from which a position is called delayed"),
  FRESH_STALE_S: Count(300, "Age in seconds from which a position is called stale"),
  FRESH_OFFLINE_S: Count(1_800, "Age in seconds from which a position is called offline"),
  FRAME_RETENTION_DAYS: Count(30, "Days that raw frames are kept"),
  FIX_RETENTION_DAYS: Count(60, "Days that fixes are kept"),
  EVENT_RETENTION_DAYS: Type.Integer({
    minimum: EVENT_RETENTION_DAYS_MIN,
    default: 365,
    description: "Days that events, ETAs and links are kept; never fewer than raw frames",
  }),
  PROOF_RETENTION_DAYS: Count(
    365,
    "Days that pictures and names of proofs of delivery are kept; hashes and verdicts stay",
  ),
  CONTACT_RETENTION_DAYS: Count(
    365,
    "Days that the contact of a stop without a proof is kept after it was last changed or expected",
  ),
  TRUST_PROXY: Text(
    "Load balancers before the HTTP API, addresses or CIDR ranges with commas: their X-Forwarded-For says who asks, for limits by address",
  ),
  PUBLIC_URL: Type.Optional(
    Type.String({
      pattern: "^https?://[^/]+$",
      description: "How the outside reaches this service, for links in messages; the host that was asked unless told",
    }),
  ),
  ROADS: Text(
    "Road network file that `roads build` made; without one nothing is matched and the map is a plain ground",
  ),
  GEOCODER_URL: Type.Optional(
    Type.String({
      pattern: "^https?://.+",
      description: "Looks addresses of stops up; a server that answers as Nominatim does",
    }),
  ),
  WEBHOOK_ALLOW_LOOPBACK: Flag("Deliver webhooks to this machine too, over http if asked; for development"),
  WEBHOOK_RETRY_DELAYS_S: Type.String({
    pattern: "^\\d{1,6}(,\\d{1,6}){0,19}$",
    default: "0,5,300,1800,7200,18000,36000,50400,72000,86400",
    description: "Pause before each attempt to deliver to a webhook, seconds; as many attempts as there are pauses",
  }),
  SMTP_URL: Type.Optional(
    Type.String({
      pattern: "^smtps?://.+",
      description: "Mail server for messages to people who wait, smtp://user:password@host:port; needs SMTP_FROM",
    }),
  ),
  SMTP_FROM: Type.Optional(Type.String({ pattern: "@", description: "Sender of mails, Name <name@example.org>" })),
  SMS_URL: Type.Optional(
    Type.String({
      pattern: "^https?://.+",
      description: 'Takes text messages to people who wait: POST {"id", "to", "text"}',
    }),
  ),
  SMS_TOKEN: Text("Bearer token for SMS_URL"),
  INFLUX_URL: Type.Optional(
    Type.String({
      pattern: "^https?://.+",
      description: "InfluxDB 2, or what speaks its write API: fixes and gateway metrics go there",
    }),
  ),
  INFLUX_TOKEN: Text("API token of InfluxDB that may write to the bucket"),
  INFLUX_ORG: Text("Organisation of InfluxDB"),
  INFLUX_BUCKET: Text("Bucket of InfluxDB"),
});

export type Config = Readonly<Static<typeof ConfigSchema>>;

export type ConfigResult = { kind: "ok"; config: Config } | { kind: "invalid"; errors: string[] };

/** Reads the named settings from `environment`; unknown names are left alone, empty strings count as unset. */
export function parseConfig(environment: Readonly<Record<string, string | undefined>>): ConfigResult {
  const given: Record<string, unknown> = {};
  for (const name of Object.keys(ConfigSchema.properties)) {
    const text = environment[name]?.trim();
    if (text) given[name] = text;
  }
  const converted = Value.Convert(ConfigSchema, Value.Default(ConfigSchema, given)) as Record<string, unknown>;
  const errors = Value.Errors(ConfigSchema, converted).map((error) => {
    const name = error.instancePath.slice(1) || "configuration";
    return `${name}: ${error.message}, got ${JSON.stringify(given[name] ?? null)}`;
  });
  if ((converted.TLS_CERT === undefined) !== (converted.TLS_KEY === undefined)) {
    errors.push("TLS_CERT and TLS_KEY: set both or neither");
  }
  if ((converted.SMTP_URL === undefined) !== (converted.SMTP_FROM === undefined)) {
    errors.push("SMTP_URL and SMTP_FROM: set both or neither");
  }
  for (const range of addressRanges(String(converted.TRUST_PROXY ?? ""))) {
    if (!isAddressRange(range)) errors.push(`TRUST_PROXY: is no address or CIDR range, got ${JSON.stringify(range)}`);
  }
  for (const name of ["TELTONIKA_TLS_PORT", "MQTT_TLS_PORT"]) {
    if (converted[name] !== undefined && converted.TLS_CERT === undefined)
      errors.push(`${name}: needs TLS_CERT and TLS_KEY`);
  }
  if (converted.TLS_CERT !== undefined) converted.MQTT_TLS_PORT ??= MQTT_TLS_PORT_DEFAULT;
  const influx = ["INFLUX_URL", "INFLUX_TOKEN", "INFLUX_ORG", "INFLUX_BUCKET"] as const;
  const missing = influx.filter((name) => given[name] === undefined);
  if (missing.length > 0 && missing.length < influx.length) {
    for (const name of missing) errors.push(`${name}: is missing; InfluxDB needs ${influx.join(", ")}`);
  }
  return errors.length > 0 ? { kind: "invalid", errors } : { kind: "ok", config: converted as Config };
}

/** The parts of a list of addresses and ranges. */
export function addressRanges(list: string): string[] {
  return list
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function isAddressRange(range: string): boolean {
  const [address = "", bits, ...rest] = range.split("/");
  const bitsMax = [0, 32, 128][[0, 4, 6].indexOf(isIP(address))] ?? 0;
  if (bitsMax === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= bitsMax);
}
