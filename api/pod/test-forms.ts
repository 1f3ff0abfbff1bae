import type { LightMyRequestResponse } from "fastify";
import type { Database } from "#store/database.ts";
import { judgePod } from "#stream/judge/judge-pod.ts";
import { TEST_NOW_MS, type TestApi } from "../testing.ts";
import { testJpeg } from "./test-images.ts";

export type FormPart = readonly [name: string, value: string | Buffer, fileName?: string];

/** The usual parts of a delivery made a moment ago, with what a test wants otherwise. */
export function deliveryParts(extra: readonly FormPart[] = [], photo: Buffer = testJpeg()): FormPart[] {
  const made = new Date(TEST_NOW_MS - 2_000).toISOString();
  return [
    ["outcome", "delivered"],
    ["deviceTime", made],
    ["sentAt", new Date(TEST_NOW_MS - 500).toISOString()],
    ["lat", "41.15"],
    ["lon", "-8.61"],
    ["accuracyM", "9"],
    ["recipientName", "Ada Lovelace"],
    ["photo", photo],
    ...extra,
  ];
}

/** Parts as a multipart body. */
export function multipartBody(parts: readonly FormPart[]): { body: Buffer; type: string } {
  const boundary = "----a-boundary-of-tests";
  const chunks = parts.flatMap(([name, value, fileName]) => {
    const file = typeof value === "string" && fileName === undefined ? "" : `; filename="${fileName ?? "a.jpg"}"`;
    const head = `--${boundary}\r\ncontent-disposition: form-data; name="${name}"${file}\r\n\r\n`;
    return [Buffer.from(head), Buffer.from(value), Buffer.from("\r\n")];
  });
  return {
    body: Buffer.concat([...chunks, Buffer.from(`--${boundary}--\r\n`)]),
    type: `multipart/form-data; boundary=${boundary}`,
  };
}

export async function sendPod(
  api: TestApi,
  secret: string,
  stopId: string,
  parts: readonly FormPart[],
  headers: Record<string, string> = {},
): Promise<LightMyRequestResponse> {
  const { body, type } = multipartBody(parts);
  return api.app.inject({
    method: "POST",
    url: `/v1/stops/${stopId}/pod`,
    headers: { authorization: `Bearer ${secret}`, "content-type": type, ...headers },
    body,
  });
}

/** A stop on a route of its own; gives its id. */
export async function storeStop(
  { pool }: Database,
  fleetId: number,
  options: { policy?: object; vehicleId?: number; latDeg?: number; lonDeg?: number; routeId?: string } = {},
): Promise<string> {
  const { rows } = await pool.query(
    `with planned as (
      insert into route (fleet_id, version, vehicle_id) select $1, 1, $2 where $6::bigint is null returning route_id
    )
    insert into stop (fleet_id, route_id, position, lat_deg, lon_deg, policy, contact)
    select $1, coalesce($6, (select route_id from planned)), 0, $3, $4, $5, '{"name": "Ada Lovelace"}'
    returning stop_id::text as id`,
    [
      ...[fleetId, options.vehicleId ?? null, options.latDeg ?? 41.15, options.lonDeg ?? -8.61],
      ...[options.policy ?? {}, options.routeId ?? null],
    ],
  );
  return rows[0].id;
}

/** A POD that was judged; gives its id. */
export async function storeJudgedPod(api: TestApi, secret: string, stopId: string): Promise<string> {
  const podId: string = (await sendPod(api, secret, stopId, deliveryParts())).json().id;
  const client = await api.database.pool.connect();
  try {
    await judgePod(client, podId, TEST_NOW_MS);
  } finally {
    client.release();
  }
  return podId;
}
