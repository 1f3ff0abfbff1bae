import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { boundsOf, drawTile, openTileSource, TILE_DRAWING, TILE_ZOOM_MAX, TILE_ZOOM_MIN } from "#stream/roads/tile.ts";
import type { RouteContext } from "../context.ts";
import { MAP_THEMES, mapStyle, type RoadTiles } from "../map-style.ts";
import { Problem } from "../problems.ts";
import { limitTiles } from "../rate-limits.ts";
import { TileCache } from "../tile-cache.ts";

const STYLE_CACHE = "public, max-age=300";
/** The address carries the network's fingerprint and how it is drawn: another network, or drawing, has other addresses. */
const TILE_CACHE = "public, max-age=31536000, immutable";
const TILE_CACHE_UNNAMED = "public, max-age=3600";
const TILE_MEDIA_TYPE = "application/vnd.mapbox-vector-tile";

const TileParams = Type.Object({
  z: Type.Integer({ minimum: TILE_ZOOM_MIN, maximum: TILE_ZOOM_MAX }),
  x: Type.Integer({ minimum: 0 }),
  y: Type.Integer({ minimum: 0 }),
});

/** The road network as vector tiles and the style that draws them. Roads are public: no key is asked for. */
export const tileRoutes =
  ({ roads, limits }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    const source = roads && openTileSource(roads);
    const version = roads && `${roads.fingerprint.toString(16).padStart(8, "0")}.${TILE_DRAWING}`;
    const cache = new TileCache(limits.tileCacheBytesMax);
    const compress = promisify(gzip);
    const tiles: RoadTiles | undefined = roads && {
      url: `/tiles/{z}/{x}/{y}.pbf?v=${version}`,
      minZoom: TILE_ZOOM_MIN,
      maxZoom: TILE_ZOOM_MAX,
      boundsDeg: boundsOf(roads),
    };
    limitTiles(app, limits);

    app.get(
      "/tiles/style.json",
      {
        schema: {
          tags: ["map"],
          summary: "How the map looks: a MapLibre style",
          description: "Without a road network: a plain ground, and `metadata.roads` is false.",
          querystring: Type.Object({
            theme: Type.Optional(Type.Enum([...MAP_THEMES], { description: "light unless told" })),
          }),
          response: { 200: Type.Object({}, { additionalProperties: true }) },
        },
      },
      async ({ query }, reply) => {
        reply.header("cache-control", STYLE_CACHE);
        return mapStyle(query.theme ?? "light", tiles);
      },
    );

    app.get(
      "/tiles/:z/:x/:y(^\\d+).pbf",
      {
        schema: {
          tags: ["map"],
          summary: "A tile of the road network",
          description: "Mapbox vector tile 2.1, gzip; 204 where no road is.",
          params: TileParams,
          querystring: Type.Object({ v: Type.Optional(Type.String()) }),
          response: {
            200: { description: "The tile", content: { [TILE_MEDIA_TYPE]: { schema: Type.String() } } },
            204: Type.Null({ description: "No road is in it" }),
            304: Type.Null({ description: "As the reader has it" }),
          },
        },
      },
      async ({ params, query, headers }, reply) => {
        if (source === undefined) throw new Problem("no_roads");
        const { z, x, y } = params;
        if (x >= 2 ** z || y >= 2 ** z)
          throw new Problem("not_found", { detail: `Zoom ${z} has ${2 ** z} tiles a side.` });
        const etag = `"${version}-${z}-${x}-${y}"`;
        reply.headers({ etag, "cache-control": query.v === version ? TILE_CACHE : TILE_CACHE_UNNAMED });
        // The tag is known before the tile is drawn.
        if (headers["if-none-match"] === etag) return reply.code(304).send(null);
        const name = `${z}/${x}/${y}`;
        let tile = cache.get(name);
        if (tile === undefined) {
          const drawn = drawTile(source, params);
          tile = drawn === undefined ? new Uint8Array() : await compress(drawn);
          cache.set(name, tile);
        }
        if (tile.byteLength === 0) return reply.code(204).send(null);
        reply.headers({ "content-type": TILE_MEDIA_TYPE, "content-encoding": "gzip", vary: "accept-encoding" });
        return reply.serializer((bytes) => bytes as never).send(Buffer.from(tile) as never);
      },
    );
  };
