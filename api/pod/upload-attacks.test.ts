import { once } from "node:events";
import { request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDatabase } from "#store/database.ts";
import { openTestApi, type TestApi } from "../testing.ts";
import { POD_LIMITS } from "./pod-limits.ts";
import { deliveryParts, type FormPart, multipartBody, sendPod, storeStop } from "./test-forms.ts";
import { testJpeg, testPng, testWebp } from "./test-images.ts";

/** Bodies that are meant to hurt: each is answered with a problem, and memory stays bounded. */

/** For whoever is meant to be too slow. */
const BODY_MS_MAX = 1_000;
const ARTEFACT_BYTES_MAX = 2_097_152;
const MEMORY_BYTES_MAX = 200 * 1_048_576;

let api: TestApi;
/** The same on the same database, for senders that are too slow. */
let impatient: TestApi;
let secret: string;
let stopId: string;

beforeAll(async () => {
  // Whoever is refused gets to read why, however slow the machine.
  const pod = { ...POD_LIMITS, artefactBytesMax: ARTEFACT_BYTES_MAX, lingerMs: 600_000 };
  api = await openTestApi({ limits: { pod } });
  const database = await openDatabase({ url: api.database.url, applicationName: "api test, impatient" });
  impatient = await openTestApi({ database, limits: { pod: { ...pod, bodyMsMax: BODY_MS_MAX } } });
  const fleetId = await api.fleet();
  secret = await api.key({ fleetId });
  stopId = await storeStop(api.database, fleetId);
  for (const { app } of [api, impatient]) await app.listen({ port: 0, host: "127.0.0.1" });
});

afterAll(async () => {
  await impatient?.close();
  await api?.close();
});

const refusal = async (parts: readonly FormPart[]): Promise<[number, string]> => {
  const answer = await sendPod(api, secret, stopId, parts);
  return [answer.statusCode, answer.json().code];
};

type Feed = (write: (chunk: Buffer) => Promise<boolean>) => Promise<void>;

/** Sends a body over a real connection, chunk by chunk, until it is answered. */
function upload(
  headers: Record<string, string>,
  feed: Feed,
  to = api,
): Promise<{ status: number; code: string; sentBytes: number }> {
  return new Promise((resolve, reject) => {
    let sentBytes = 0;
    let over = false;
    const request = httpRequest({
      ...{
        port: (to.app.server.address() as AddressInfo).port,
        host: "127.0.0.1",
        method: "POST",
        path: `/v1/stops/${stopId}/pod`,
      },
      headers: { authorization: `Bearer ${secret}`, "content-type": "multipart/form-data; boundary=b", ...headers },
    });
    request.setMaxListeners(0);
    request.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        over = true;
        const { code } = JSON.parse(Buffer.concat(chunks).toString());
        resolve({ status: response.statusCode ?? 0, code, sentBytes });
        request.destroy();
      });
    });
    request.on("error", (error) => {
      if (!over) reject(error);
    });
    const write = (chunk: Buffer): Promise<boolean> => {
      if (over || request.destroyed) return Promise.resolve(false);
      sentBytes += chunk.length;
      if (request.write(chunk)) return Promise.resolve(true);
      return Promise.race([once(request, "drain"), once(request, "close")])
        .then(() => !over)
        .catch(() => false);
    };
    void feed(write).then(() => (over ? undefined : request.end()));
  });
}

const HEAD = Buffer.from('--b\r\ncontent-disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n');

test("a path that climbs is refused in every field and in a file's name", async () => {
  const climbing = "../../../../etc/passwd";
  const names = ["reason", "clientId", "recipientName", "relationship", "notes", "idCheck", "pin", "scan", "outcome"];
  for (const name of [...names, "deviceTime", "sentAt", "lat", "positionTime", "mock"]) {
    const parts = deliveryParts().filter(([given]) => given !== name);
    expect([name, ...(await refusal([...parts, [name, climbing]]))]).toEqual([name, 400, "validation"]);
  }
  expect(await refusal(deliveryParts([["notes", "..%2F..%2fetc"]]))).toEqual([400, "validation"]);
  for (const fileName of [climbing, "..", "a\\..\\b.jpg", "/etc/passwd", "..%2fa.jpg"]) {
    expect(await refusal(deliveryParts([["photo", testJpeg(), fileName]]))).toEqual([422, "pod_unfit"]);
  }
  expect(await refusal(deliveryParts([[climbing, "x"]]))).toEqual([400, "validation"]);
  expect(await refusal(deliveryParts([[climbing, testJpeg()]]))).toEqual([422, "pod_unfit"]);
  expect(await refusal(deliveryParts([["__proto__", "x"]]))).toEqual([422, "pod_unfit"]);
  const kind = await sendPod(api, secret, stopId, deliveryParts([["notes", "left it../by the door"]]));
  expect(kind.statusCode).toBe(201);
});

test("what is no JPEG, PNG or WebP is refused whatever it calls itself", async () => {
  const others = {
    gif: Buffer.from("GIF89a\x01\x00\x01\x00\x00\x00\x00;", "latin1"),
    html: Buffer.from("<!doctype html><script>alert(1)</script>"),
    svg: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
    pdf: Buffer.from("%PDF-1.7\n"),
    executable: Buffer.from("\x7fELF\x02\x01\x01", "latin1"),
    zip: Buffer.from("PK\x03\x04", "latin1"),
    nothing: Buffer.alloc(0),
    noise: Buffer.alloc(5_000, 7),
  };
  for (const [name, bytes] of Object.entries(others)) {
    expect([name, ...(await refusal(deliveryParts([], bytes)))]).toEqual([name, 422, "artefact_unfit"]);
  }
});

test("a file that is two things at once is refused, and a cut one", async () => {
  const zip = Buffer.from("PK\x03\x04 and the rest of an archive", "latin1");
  const html = "<html><script>alert(1)</script>";
  const [jpeg, png, webp] = [testJpeg(), testPng(), testWebp()];
  const polyglots: Buffer[] = [
    ...[jpeg, png, webp].map((image) => Buffer.concat([image, zip])),
    ...[jpeg, png, webp].map((image) => Buffer.concat([image, Buffer.from(html)])),
    ...[jpeg, png, webp].map((image) => image.subarray(0, image.length - 3)),
    testJpeg(1, html),
    testPng(1, [["tEXt", Buffer.from(`Comment\0${html}`)]]),
    testPng(1, [["zTXt", Buffer.from("<?PHP system($_GET[0]);")]]),
    Buffer.concat([png.subarray(0, 40), Buffer.from([png[40]! ^ 1]), png.subarray(41)]),
    Buffer.from([0xff, 0xd8, 0xff, 0xd9]),
    Buffer.concat([Buffer.from(html), jpeg]),
  ];
  for (const [index, bytes] of polyglots.entries()) {
    expect([index, ...(await refusal(deliveryParts([], bytes)))]).toEqual([index, 422, "artefact_unfit"]);
  }
  for (const image of [jpeg, png, webp]) {
    expect((await sendPod(api, secret, stopId, deliveryParts([], image))).statusCode).toBe(201);
  }
});

test("a body of a gigabyte is refused at once where it says so, and early where it does not", async () => {
  const announced = await upload({ "content-length": String(2 ** 30) }, async (write) => {
    await write(HEAD);
    await new Promise((resolve) => setTimeout(resolve, 300));
  });
  expect([announced.status, announced.code]).toEqual([413, "body_too_large"]);
  const chunk = Buffer.alloc(262_144, 1);
  const before = process.memoryUsage.rss();
  let peak = before;
  const flood: Feed = async (write) => {
    await write(HEAD);
    for (let sent = 0; sent < 2 ** 30; sent += chunk.length) {
      if (!(await write(chunk))) return;
      peak = Math.max(peak, process.memoryUsage.rss());
    }
  };
  const unannounced = await upload({}, flood);
  expect([unannounced.status, unannounced.code]).toEqual([413, "body_too_large"]);
  expect(unannounced.sentBytes).toBeLessThan(2 ** 30);
  expect(peak - before).toBeLessThan(MEMORY_BYTES_MAX);
});

test("what comes before the first part does not fill memory either", async () => {
  const chunk = Buffer.alloc(262_144, 32);
  const flood: Feed = async (write) => {
    for (let sent = 0; sent < 2 ** 28; sent += chunk.length) if (!(await write(chunk))) return;
  };
  const { status, code } = await upload({}, flood);
  expect([status, code]).toEqual([413, "body_too_large"]);
});

test("a body that trickles in is given up", async () => {
  const trickle: Feed = async (write) => {
    await write(HEAD);
    while (await write(Buffer.from([1]))) await new Promise((resolve) => setTimeout(resolve, 50));
  };
  const { status, code } = await upload({}, trickle, impatient);
  expect([status, code]).toEqual([408, "body_too_slow"]);
});

test("ten thousand parts are refused, and so are parts that are mostly headers", async () => {
  const many = Array.from({ length: 10_000 }, (_, n): FormPart => ["scan", `code ${n}`]);
  expect(await refusal([...deliveryParts(), ...many])).toEqual([422, "pod_unfit"]);
  const files = Array.from({ length: 10_000 }, (): FormPart => ["photo", testJpeg()]);
  expect(await refusal([...deliveryParts(), ...files])).toEqual([422, "pod_unfit"]);
  expect(await refusal(deliveryParts([["notes", "x".repeat(100_000)]]))).toEqual([422, "pod_unfit"]);
  expect(
    await refusal(
      deliveryParts([
        ["signature", testPng(1)],
        ["signature", testPng(2)],
      ]),
    ),
  ).toEqual([422, "pod_unfit"]);
  expect(await refusal(deliveryParts([["outcome", "failed"]]))).toEqual([400, "validation"]);
});

test("bodies that are no multipart, or are cut off, are refused", async () => {
  const url = `/v1/stops/${stopId}/pod`;
  const headers = { authorization: `Bearer ${secret}` };
  const send = async (type: string, body: Buffer | string): Promise<[number, string]> => {
    const answer = await api.app.inject({ method: "POST", url, headers: { ...headers, "content-type": type }, body });
    return [answer.statusCode, answer.json().code];
  };
  expect((await send("application/json", "{}"))[0]).toBe(415);
  expect((await send("text/plain", "hello"))[0]).toBe(415);
  const { body, type } = multipartBody(deliveryParts());
  expect((await send(type, body.subarray(0, body.length - 20)))[0]).toBe(400);
  expect((await send("multipart/form-data", body))[0]).toBe(400);
});
