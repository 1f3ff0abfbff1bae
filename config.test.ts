import { expect, test } from "vitest";
import { addressRanges, parseConfig } from "./config.ts";

test("an empty environment gives the documented defaults", () => {
  const result = parseConfig({});
  expect(result).toMatchObject({
    kind: "ok",
    config: { HTTP_PORT: 8080, TELTONIKA_PORT: 5027, AUTO_REGISTER: false, LOG_LEVEL: "info" },
  });
});

test("values are converted from text, and empty text counts as unset", () => {
  const result = parseConfig({ HTTP_PORT: "0", AUTO_REGISTER: "true", DATABASE_URL: " " });
  expect(result).toMatchObject({ kind: "ok", config: { HTTP_PORT: 0, AUTO_REGISTER: true } });
  expect(result.kind === "ok" && result.config.DATABASE_URL).toBeUndefined();
});

test("all errors are reported together, each with its name", () => {
  const result = parseConfig({ HTTP_PORT: "99999", LOG_LEVEL: "loud", TLS_CERT: "/a", CONNECTIONS_MAX: "many" });
  expect(result.kind).toBe("invalid");
  const text = result.kind === "invalid" ? result.errors.join("\n") : "";
  for (const name of ["HTTP_PORT", "LOG_LEVEL", "TLS_CERT", "CONNECTIONS_MAX"]) expect(text).toContain(name);
});

test("load balancers are named by addresses and ranges of them", () => {
  const parsed = parseConfig({ TRUST_PROXY: "10.0.0.0/8, ::1,192.0.2.7" });
  expect(parsed.kind === "ok" && addressRanges(parsed.config.TRUST_PROXY ?? "")).toEqual([
    "10.0.0.0/8",
    "::1",
    "192.0.2.7",
  ]);
  const wrong = parseConfig({ TRUST_PROXY: "10.0.0.0/33,true,10.0.0.0/8/8,fe80::/129,192.0.2.7/" });
  expect(wrong.kind === "invalid" && wrong.errors).toHaveLength(5);
});

test("an InfluxDB that is named in part is an error for each setting that is missing", () => {
  const result = parseConfig({ INFLUX_URL: "http://influx:8086", INFLUX_ORG: "fleet", HTTP_PORT: "-1" });
  const errors = result.kind === "invalid" ? result.errors.map((error) => error.split(":")[0]) : [];
  expect(errors).toEqual(["HTTP_PORT", "INFLUX_TOKEN", "INFLUX_BUCKET"]);
  const whole = { INFLUX_URL: "http://influx:8086", INFLUX_ORG: "fleet", INFLUX_TOKEN: "t", INFLUX_BUCKET: "b" };
  expect(parseConfig(whole).kind).toBe("ok");
  expect(parseConfig({ ...whole, INFLUX_URL: "influx:8086" }).kind).toBe("invalid");
});

test("MQTT over TLS listens where a certificate is given, and only there", () => {
  const tls = { TLS_CERT: "cert.pem", TLS_KEY: "key.pem" };
  expect(parseConfig({})).toMatchObject({ config: { MQTT_PORT: 1883 } });
  expect(parseConfig({})).not.toHaveProperty("config.MQTT_TLS_PORT");
  expect(parseConfig(tls)).toMatchObject({ config: { MQTT_TLS_PORT: 8883 } });
  expect(parseConfig({ ...tls, MQTT_TLS_PORT: "0" })).toMatchObject({ config: { MQTT_TLS_PORT: 0 } });
  expect(parseConfig({ MQTT_TLS_PORT: "8883" })).toMatchObject({ kind: "invalid" });
  expect(parseConfig({ MQTT_UPSTREAM_URL: "broker.example" })).toMatchObject({ kind: "invalid" });
});
