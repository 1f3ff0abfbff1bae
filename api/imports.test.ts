import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestApi, type TestApi } from "./testing.ts";

let api: TestApi;
let admin: string;

beforeAll(async () => {
  api = await openTestApi();
  admin = await api.key();
  await api.call(admin, "POST", "/v1/vehicles", { kind: "van", externalId: "VAN-1" });
});

afterAll(() => api?.close());

async function load(text: string | Buffer, query = "", type = "text/csv") {
  const headers = { authorization: `Bearer ${admin}`, "content-type": type };
  return api.app.inject({ method: "POST", url: `/v1/imports${query}`, headers, body: text });
}

const get = async (url: string) => (await api.call(admin, "GET", url)).json();
const places = (errors: { line: number; column: string; columnNumber: number; code: string }[]) =>
  errors.map(({ line, column, columnNumber, code }) => [line, column, columnNumber, code]);

test("of 10,000 lines with 37 planted errors 9,963 are taken and 37 told by line and column; again changes nothing", async () => {
  const header = "externalId,route,position,vehicle,lat,lon,windowStart,windowEnd,serviceSeconds,notes";
  const planted: [number, string, number][] = [];
  let line = 2;
  const rows = Array.from({ length: 10_000 }, (_, index) => {
    // Every 25th note is a text of two lines: lines are those of the file.
    const note = index % 25 === 0 ? '"ring, then\nwait"' : "";
    const cells = [
      ...[`O-${index}`, `R-${Math.floor(index / 100)}`, String((index % 100) + 1), "VAN-1"],
      ...[(41 + index / 1e5).toFixed(5), "-8.61", "2026-11-23T09:00:00Z", "2026-11-23T11:00:00+01:00", "120", note],
    ];
    if (index % 270 === 7 && planted.length < 37) {
      const faults = [
        ...([
          [4, "91.5"],
          [5, "east"],
          [6, "9 o'clock"],
          [8, "-5"],
          [3, "VAN-9"],
          [0, `O-${index - 1}`],
          [2, "1.5"],
        ] as const),
        ...([
          [7, "2026-11-23T08:00:00Z"],
          [0, ""],
          [4, ""],
        ] as const),
      ];
      const [column, cell] = faults[planted.length % faults.length]!;
      cells[column] = cell;
      planted.push([line, header.split(",")[column]!, column + 1]);
    }
    line += note === "" ? 1 : 2;
    return cells.join(",");
  });
  const text = [header, ...rows].join("\n");

  const rehearsed = await load(text, "?dryRun=true");
  expect(rehearsed.statusCode, rehearsed.body).toBe(200);
  expect(rehearsed.json()).toMatchObject({ dryRun: true, created: 9_963, failed: 37, routesCreated: 100 });
  expect((await get("/v1/stops?limit=1")).data).toEqual([]);

  const first = (await load(text)).json();
  expect(first).toMatchObject({ rows: 10_000, created: 9_963, updated: 0, unchanged: 0, failed: 37, errorsCount: 37 });
  expect(
    first.errors.map((error: { line: number; column: string; columnNumber: number }) => [
      ...[error.line, error.column, error.columnNumber],
    ]),
  ).toEqual(planted);

  const written = () =>
    api.database.pool.query(`select (select count(*) from stop) as stops, (select sum(version) from stop) as versions,
      (select count(*) from route_version) as plans, (select count(*) from geofence_version) as fences,
      (select md5(string_agg(s::text, '' order by stop_id)) from stop s) as sum`);
  const before = (await written()).rows[0];
  expect([before.stops, before.versions, before.fences]).toEqual([9_963, 9_963, 9_963]);
  const again = (await load(text)).json();
  expect(again).toMatchObject({ created: 0, updated: 0, unchanged: 9_963, failed: 37, routesUpdated: 0 });
  expect((await written()).rows[0]).toEqual(before);
  const route = (await get("/v1/routes?externalId=R-3")).data[0];
  expect(route).toMatchObject({ vehicle: { externalId: "VAN-1" } });
}, 120_000);

test("a spreadsheet's file is read: mark, semicolons, decimal commas, quotes, CRLF and its own columns", async () => {
  const text = [
    "\ufeffExternal ID;Latitude;Longitude;Colour;Name;E-Mail;Notes",
    'Q-1;41,15;-8,61;red;"Ana ""Nita"" Sousa";ana@example.com;"two',
    'lines"',
    "",
    "Q-2;41,16;-8,62;;;nobody;",
    "Q-3;41,17;-8,63;blue;Rui;;;too;many",
  ].join("\r\n");
  const report = (await load(text)).json();
  expect(report).toMatchObject({ rows: 3, created: 1, failed: 2, ignoredColumns: ["Colour"] });
  expect(places(report.errors)).toEqual([
    [5, "email", 6, "unreadable"],
    [6, null, 8, "too_many_cells"],
  ]);
  const [stop] = (await get("/v1/stops?externalId=Q-1")).data;
  expect(stop).toMatchObject({
    ...{ lat: 41.15, lon: -8.61, notes: "two\nlines" },
    contact: { name: 'Ana "Nita" Sousa', email: "ana@example.com" },
  });
});

test("a column that is missing leaves what is there, an empty cell empties it", async () => {
  await load("externalId,lat,lon,notes,phone,name\nE-1,41,-8,gate,+351 91,Ana");
  const changed = (await load("externalId,notes,phone\nE-1,,+351 92")).json();
  expect(changed).toMatchObject({ created: 0, updated: 1 });
  const [stop] = (await get("/v1/stops?externalId=E-1")).data;
  expect(stop).toMatchObject({ lat: 41, notes: null, contact: { name: "Ana", phone: "+351 92" }, version: 2 });
});

test("lines come to their positions, the same file keeps them there", async () => {
  await api.call(admin, "PUT", "/v1/routes/external/P-R", {
    stops: ["P-a", "P-b"].map((externalId) => ({ externalId, lat: 41, lon: -8 })),
  });
  const text = "externalId,route,position,lat,lon\nP-c,P-R,1,41,-8\nP-d,P-R,0,41,-8\nP-e,P-R,,41,-8";
  const orderOf = async () =>
    (await get(`/v1/routes/${(await get("/v1/routes?externalId=P-R")).data[0].id}`)).stops.map(
      (stop: { externalId: string }) => stop.externalId,
    );
  await load(text);
  const order = ["P-d", "P-c", "P-a", "P-b", "P-e"];
  expect(await orderOf()).toEqual(order);
  expect((await load(text)).json()).toMatchObject({ unchanged: 3, routesUpdated: 0 });
  expect(await orderOf()).toEqual(order);
});

test("what contradicts the plan that there is, or the file itself, is told with its column", async () => {
  const stops = [{ externalId: "C-1", lat: 41, lon: -8 }];
  const other = (await api.call(admin, "POST", "/v1/routes", { externalId: "C-R", stops })).json();
  const gone = (await api.call(admin, "POST", "/v1/routes", { externalId: "C-X" })).json();
  await api.call(admin, "DELETE", `/v1/routes/${gone.id}`);
  await api.call(admin, "POST", "/v1/vehicles", { kind: "van", externalId: "VAN-2" });
  const text = [
    "externalId,route,lat,lon,vehicle",
    "C-1,C-Y,41,-8,",
    "C-2,C-X,41,-8,",
    "C-3,C-Z,41,-8,VAN-1",
    "C-4,C-Z,41,-8,VAN-2",
    "C-5,,,,",
  ].join("\n");
  const report = (await load(text)).json();
  expect(report.created).toBe(1);
  expect(places(report.errors)).toEqual([
    [2, "route", 2, "elsewhere"],
    [3, "route", 2, "route_cancelled"],
    [5, "vehicle", 5, "contradiction"],
    [6, "lat", 3, "coordinates_missing"],
  ]);
  expect((await get(`/v1/routes/${other.id}`)).stopsCount).toBe(1);
});

test("a quote that is never closed ends the import there, and what cannot be a file of stops is refused", async () => {
  const broken = (await load('externalId,lat,lon,notes\nB-1,41,-8,ok\nB-2,41,-8,"never\nB-3,41,-8,ok')).json();
  expect(broken).toMatchObject({ created: 1, errors: [{ line: 3, code: "malformed" }] });
  for (const text of ["", "lat,lon\n1,2", "externalId,lat,Lat\nx,1,2", Buffer.from([0x61, 0xff, 0xfe])]) {
    const answer = await load(text);
    expect([answer.statusCode, answer.json().code]).toEqual([422, "import_unfit"]);
  }
  expect((await load("{}", "", "application/json")).statusCode).toBe(415);
});
