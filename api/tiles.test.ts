import { gunzipSync } from "node:zlib";
import { VectorTile } from "@mapbox/vector-tile";
import { validateStyleMin } from "@maplibre/maplibre-gl-style-spec";
import { PbfReader } from "pbf";
import { afterAll, beforeAll, expect, test } from "vitest";
import { drawRoads } from "#stream/roads/sample-roads.ts";
import { openTestApi, type TestApi } from "./testing.ts";
import { TileCache } from "./tile-cache.ts";

const HERE = "/tiles/14/7800/6133.pbf";
let api: TestApi;
let plain: TestApi;

beforeAll(async () => {
  const line = [
    [-3_000, 0],
    [3_000, 10],
  ] as const;
  const roads = await drawRoads([{ id: 1, line, tags: { highway: "primary", name: "Rua Única" } }]);
  [api, plain] = await Promise.all([openTestApi({ roads, limits: { tileRequestsMax: 60 } }), openTestApi()]);
});
afterAll(async () => {
  await api?.close();
  await plain?.close();
});

type Style = { metadata: { roads: boolean }; sources: { roads?: { tiles: string[] } }; layers: { id: string }[] };
const styleOf = async (of: TestApi, theme: string): Promise<Style> =>
  (await of.app.inject({ url: `/tiles/style.json?theme=${theme}` })).json();

test("a tile needs no key, is compressed, and names its roads", async () => {
  const answer = await api.app.inject({ url: HERE });
  expect(answer.statusCode).toBe(200);
  expect(answer.headers).toMatchObject({
    "content-type": "application/vnd.mapbox-vector-tile",
    "content-encoding": "gzip",
    "cache-control": "public, max-age=3600",
  });
  const { layers } = new VectorTile(new PbfReader(gunzipSync(answer.rawPayload)));
  expect(layers.roads!.feature(0).properties).toEqual({ class: "primary", name: "Rua Única" });
});

test("a reader that has the tile is told so, and the address in the style may be kept for good", async () => {
  const first = await api.app.inject({ url: HERE });
  const again = await api.app.inject({ url: HERE, headers: { "if-none-match": String(first.headers.etag) } });
  expect([again.statusCode, again.body]).toEqual([304, ""]);
  const { sources } = await styleOf(api, "light");
  const url = sources.roads!.tiles[0]!.replace("{z}/{x}/{y}", "14/7800/6133");
  // The network, and how it is drawn: either may change while readers keep their tiles.
  expect([url, first.headers.etag]).toEqual([
    expect.stringMatching(/\?v=[0-9a-f]{8}\.\d+$/),
    expect.stringMatching(/^"[0-9a-f]{8}\.\d+-14-7800-6133"$/),
  ]);
  const named = await api.app.inject({ url });
  expect([named.statusCode, named.headers["cache-control"]]).toEqual([200, "public, max-age=31536000, immutable"]);
});

test("a tile without roads is empty, one that cannot be is a problem", async () => {
  expect((await api.app.inject({ url: "/tiles/14/0/0.pbf" })).statusCode).toBe(204);
  for (const [url, status] of [
    ["/tiles/14/16384/0.pbf", 404],
    ["/tiles/15/0/0.pbf", 400],
    ["/tiles/3/0/0.pbf", 400],
    ["/tiles/14/x/0.pbf", 400],
    ["/tiles/14/0/0", 404],
  ] as const) {
    expect([url, (await api.app.inject({ url })).statusCode]).toEqual([url, status]);
  }
});

test("without a road network a tile says what is missing and the style is a plain ground", async () => {
  const answer = await plain.app.inject({ url: HERE });
  expect([answer.statusCode, answer.json().code]).toEqual([404, "no_roads"]);
  const style = await styleOf(plain, "dark");
  expect([style.metadata.roads, style.layers.map(({ id }) => id)]).toEqual([false, ["ground"]]);
});

test("both styles are valid, have the same layers, and name nothing outside of this server", async () => {
  const [light, dark] = [await styleOf(api, "light"), await styleOf(api, "dark")];
  for (const style of [light, dark]) expect(validateStyleMin(style as never)).toEqual([]);
  expect(light.layers.map(({ id }) => id)).toEqual(dark.layers.map(({ id }) => id));
  expect(JSON.stringify(light.sources.roads!.tiles)).not.toMatch(/https?:/);
  expect(Object.keys(light)).not.toContain("glyphs");
});

test("an address that asks for too many tiles is told when to come again; others are served", async () => {
  const statuses: number[] = [];
  for (let i = 0; i < 70; i++) {
    statuses.push((await api.app.inject({ url: HERE, remoteAddress: "192.0.2.7" })).statusCode);
  }
  expect([statuses[0], statuses.at(-1)]).toEqual([200, 429]);
  expect((await api.app.inject({ url: HERE, remoteAddress: "192.0.2.8" })).statusCode).toBe(200);
  expect((await api.app.inject({ url: "/healthz", remoteAddress: "192.0.2.7" })).statusCode).toBe(200);
});

test("drawn tiles are kept up to a limit, the least recently asked for goes first", () => {
  const cache = new TileCache(1_000);
  const tile = new Uint8Array(300);
  for (const name of ["a", "b"]) cache.set(name, tile);
  expect(cache.get("a")).toBe(tile);
  cache.set("c", tile);
  expect([cache.get("a"), cache.get("b"), cache.get("c")]).toEqual([tile, undefined, tile]);
});
