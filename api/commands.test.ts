import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openTestApi, type TestApi } from "./testing.ts";

let api: TestApi;
let admin: string;
let fleetId: number;
let writer: string;

beforeAll(async () => {
  api = await openTestApi();
  fleetId = await api.fleet();
  admin = await api.key();
  writer = await api.key({ fleetId, scopes: ["commands:write", "commands:read"] });
  await api.device(fleetId, "tracker");
});

afterAll(() => api?.close());

const send = (key: string, body: object) => api.call(key, "POST", "/v1/commands", body);

describe("a command", () => {
  test("is queued, announced and shown with its audit", async () => {
    const made = await send(writer, { deviceUid: "tracker", text: "getver", ttlS: 60, attemptsMax: 2 });
    expect(made.statusCode).toBe(202);
    const command = made.json();
    expect(command).toMatchObject({
      deviceUid: "tracker",
      protocol: "teltonika",
      class: "normal",
      text: "getver",
      state: "queued",
      condition: null,
      attempts: 0,
      attemptsMax: 2,
      answer: null,
    });
    expect(Date.parse(command.expiresAt) - Date.parse(command.createdAt)).toBe(60_000);
    expect(made.headers.location).toBe(`/v1/commands/${command.id}`);
    const shown = (await api.call(writer, "GET", `/v1/commands/${command.id}`)).json();
    expect(shown.audit).toMatchObject([{ who: `key:${command.createdBy}`, action: "queued" }]);
  });

  test("may name its device as device, and its words by a type", async () => {
    const made = await send(writer, { device: "tracker", type: "version", condition: { fixAgeMaxS: 30 } });
    expect(made.json()).toMatchObject({ text: "getver", condition: { fixAgeMaxS: 30 } });
  });

  test("needs one device and one of text and type", async () => {
    const bodies = [
      { text: "getver" },
      { device: "tracker", deviceUid: "tracker", text: "getver" },
      { device: "tracker" },
      { device: "tracker", text: "getver", type: "version" },
      { device: "tracker", text: "getver", ttlS: 0 },
      { device: "tracker", text: "getver", attemptsMax: 1_000 },
      { device: "tracker", text: "getver", condition: { speedMaxKph: 1 } },
    ];
    for (const body of bodies) {
      const answer = await send(writer, body);
      expect([body, answer.statusCode, answer.json().code]).toEqual([body, 400, "validation"]);
    }
  });

  test("that its protocol does not know is refused with what is wrong", async () => {
    const answer = await send(writer, { device: "tracker", text: "make coffee" });
    expect([answer.statusCode, answer.json().code, answer.json().detail]).toEqual([422, "command_unfit", "No such."]);
  });

  test("to a device whose protocol nobody knows is refused", async () => {
    const registered = await api.call(admin, "POST", "/v1/devices", { uid: "silent", fleetId });
    expect(registered.statusCode).toBe(201);
    const answer = await send(writer, { device: "silent", text: "getver" });
    expect([answer.statusCode, answer.json().code]).toEqual([422, "command_unfit"]);
  });

  test("of a foreign or unknown device is not found", async () => {
    await api.device(await api.fleet(), "theirs");
    for (const device of ["theirs", "nobody"]) {
      expect((await send(writer, { device, text: "getver" })).statusCode).toBe(404);
    }
  });
});

describe("scopes", () => {
  test("reading does not let send, and sending does not let immobilise", async () => {
    const reader = await api.key({ fleetId, scopes: ["commands:read", "devices:write"] });
    expect((await send(reader, { device: "tracker", text: "getver" })).json()).toMatchObject({
      code: "scope_missing",
      scope: "commands:write",
    });
    const answer = await send(writer, { device: "tracker", text: "setdigout 1", class: "normal" });
    expect([answer.statusCode, answer.json().scope]).toEqual([403, "commands:immobiliser"]);
    const asked = await send(writer, { device: "tracker", text: "getver", class: "immobiliser" });
    expect([asked.statusCode, asked.json().scope]).toEqual([403, "commands:immobiliser"]);
    const { rowCount } = await api.database.pool.query("select from command where class = 'immobiliser'");
    expect(rowCount).toBe(0);
  });

  test("the immobiliser's alone does not let send; both do, with zero speed as the condition", async () => {
    const alone = await api.key({ fleetId, scopes: ["commands:immobiliser"] });
    expect((await send(alone, { device: "tracker", text: "setdigout 1" })).statusCode).toBe(403);
    const both = await api.key({ fleetId, scopes: ["commands:immobiliser", "commands:write"] });
    const made = await send(both, { device: "tracker", text: "setdigout 1" });
    expect(made.json()).toMatchObject({
      class: "immobiliser",
      condition: { speedMaxMps: 0.5, fixAgeMaxS: 60 },
    });
  });
});

describe("the list", () => {
  test("goes from the newest to the oldest, page by page, and by device and state", async () => {
    await api.device(fleetId, "listed");
    const ids: string[] = [];
    for (let count = 0; count < 3; count += 1) {
      ids.unshift((await send(writer, { device: "listed", text: "getver" })).json().id);
    }
    await api.call(writer, "POST", `/v1/commands/${ids[2]}/cancel`);
    const first = (await api.call(writer, "GET", "/v1/commands?device=listed&limit=2")).json();
    expect(first.data.map(({ id }: { id: string }) => id)).toEqual(ids.slice(0, 2));
    const rest = (
      await api.call(writer, "GET", `/v1/commands?device=listed&limit=2&after=${first.next_cursor}`)
    ).json();
    expect([rest.data.map(({ id }: { id: string }) => id), rest.has_more]).toEqual([[ids[2]], false]);
    const cancelled = (await api.call(writer, "GET", "/v1/commands?device=listed&state=cancelled")).json();
    expect(cancelled.data.map(({ id }: { id: string }) => id)).toEqual([ids[2]]);
  });
});

describe("cancelling", () => {
  test("ends a queued command once, and says what became of others", async () => {
    const { id } = (await send(writer, { device: "tracker", text: "getver" })).json();
    const cancelled = await api.call(writer, "POST", `/v1/commands/${id}/cancel`);
    expect([cancelled.statusCode, cancelled.json().state]).toEqual([200, "cancelled"]);
    const again = await api.call(writer, "POST", `/v1/commands/${id}/cancel`);
    expect([again.statusCode, again.json().code, again.json().detail]).toEqual([
      409,
      "not_cancellable",
      "It is cancelled.",
    ]);
    const shown = (await api.call(writer, "GET", `/v1/commands/${id}`)).json();
    expect(shown.audit.map(({ action }: { action: string }) => action)).toEqual(["queued", "cancelled"]);
  });
});
