import { randomBytes } from "node:crypto";
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import { openArtefact } from "#store/artefacts.ts";
import { readTrackedStops } from "#store/tracked-stops.ts";
import { addLinkViews, type FoundLink, findLink } from "#store/tracking-links.ts";
import { PAGE_HEADERS } from "../built-pages.ts";
import type { RouteContext } from "../context.ts";
import { PROBLEM_RESPONSES } from "../openapi.ts";
import { Problem } from "../problems.ts";
import { limitTracking } from "../rate-limits.ts";
import { Ref } from "../schemas.ts";
import { accentsOf } from "../tracking/brand-look.ts";
import { brandColour, parseLogo } from "../tracking/brand-view.ts";
import { isLinkOpen } from "../tracking/link-window.ts";
import { goneDocument, trackDocument } from "../tracking/page/document.ts";
import { languageFor } from "../tracking/page/languages.ts";
import { Track } from "../tracking/track-json.ts";
import { TrackStream } from "../tracking/track-stream.ts";
import { photoPath, TrackWatch } from "../tracking/track-watch.ts";
import { WriteLater } from "../write-later.ts";

const TokenParams = Type.Object({ token: Type.String({ minLength: 1, maxLength: 100 }) });
const PhotoParams = Type.Object({ ...TokenParams.properties, id: Type.String({ pattern: "^\\d{1,18}$" }) });
const TagHeader = Type.Object({ "if-none-match": Type.Optional(Type.String()) });

/** Of everything that a token opens. */
const HEADERS = {
  "cache-control": "private, no-store",
  "referrer-policy": "no-referrer",
  "x-robots-tag": "noindex",
  "x-content-type-options": "nosniff",
} as const;

/** A picture may hold markup (SVG): opened by itself it can do nothing. */
const PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

const open = { tags: ["tracking"], params: TokenParams, security: [{}] };

/**
 * What somebody sees who has a link and no key. A token that is unknown, early, late or revoked is looked up in the same
 * way and gets the same answer.
 */
export const trackRoutes =
  (context: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    const { database, logger, limits, now, pages, freshness, onStored, measures } = context;
    const views = new WriteLater(
      (noted) => addLinkViews(database, noted),
      (before, after) => before + after,
      logger,
      limits.linkViewsFlushMs,
    );
    const pollMs = limits.trackPollMs;
    const watch = new TrackWatch({ database, logger, freshness, now, onStored, pollMs });
    const streams = new Set<TrackStream>();
    const streamsOfLink = new Map<number, number>();
    const beat = setInterval(() => {
      for (const stream of streams) stream.beat();
    }, limits.streamHeartbeatMs);
    app.addHook("preClose", async () => {
      clearInterval(beat);
      await watch.close();
    });
    app.addHook("onClose", () => views.close());
    limitTracking(app, limits);
    app.addHook("onRequest", async (_request, reply) => {
      reply.headers(HEADERS);
    });

    const openLink = async (token: string): Promise<FoundLink | undefined> => {
      const link = await findLink(database, token);
      return link !== undefined && isLinkOpen(link, now()) ? link : undefined;
    };

    app.get(
      "/v1/track/:token",
      {
        schema: {
          ...open,
          summary: "What a tracking link shows",
          description: "The ETag changes with what is shown, not with time. `poll_after_ms` says when to ask again.",
          headers: TagHeader,
          response: {
            200: Ref(Track),
            304: Type.Null({ description: "As the reader has it" }),
            ...PROBLEM_RESPONSES,
          },
        },
      },
      async (request, reply) => {
        const { token } = request.params;
        const link = await openLink(token);
        const shown = link && (await watch.read(link, token));
        if (shown === undefined) throw new Problem("not_found");
        reply.header("etag", `"${shown.tag}"`);
        if (matches(request.headers["if-none-match"], shown.tag)) return reply.code(304).send(null);
        return shown.view;
      },
    );

    app.get(
      "/v1/track/:token/stream",
      {
        schema: {
          ...open,
          summary: "Follow a tracking link live",
          description: `Server-sent events: \`track\` carries what \`/v1/track/{token}\` answers, its id is the ETag; \`beat\` comes every
${limits.streamHeartbeatMs / 1_000} s, so that a reader knows that it is still connected; \`closed\` says that the link
answers no more. A reader that gives the last id as Last-Event-ID is sent the state only if it has changed.`,
          headers: Type.Object({ "last-event-id": Type.Optional(Type.String()) }),
          response: {
            200: { description: "Messages", content: { "text/event-stream": { schema: Type.String() } } },
            ...PROBLEM_RESPONSES,
          },
        },
      },
      async (request, reply) => {
        const { token } = request.params;
        const link = await openLink(token);
        if (link === undefined) throw new Problem("not_found");
        const { linkId } = link;
        const ofLink = streamsOfLink.get(linkId) ?? 0;
        if (ofLink >= limits.trackStreamsPerLinkMax || streams.size >= limits.trackStreamsMax) {
          throw new Problem("streams_exhausted", { headers: { "retry-after": "60" } });
        }
        streamsOfLink.set(linkId, ofLink + 1);
        let watched: { close(): void } | undefined;
        const stream = new TrackStream(reply, limits.streamStalledMsMax, (end) => {
          measures.streamEnds.inc({ reason: end });
          watched?.close();
          streams.delete(stream);
          const left = (streamsOfLink.get(linkId) ?? 1) - 1;
          if (left === 0) streamsOfLink.delete(linkId);
          else streamsOfLink.set(linkId, left);
        });
        try {
          const opened = await watch.open(link, token, stream);
          if (opened === undefined) throw new Problem("not_found");
          watched = opened;
          // Gone while its stop was read: nobody else would let go of it.
          if (stream.isOver) opened.close();
          else streams.add(stream);
          const isKnown = request.headers["last-event-id"] === opened.shown.tag;
          stream.begin(HEADERS, isKnown ? null : opened.shown);
        } catch (error) {
          stream.discard();
          throw error;
        }
      },
    );

    app.get("/t/:token", { schema: { hide: true, params: TokenParams } }, async (request, reply) => {
      const template = pages.html.get("track");
      if (template === undefined) throw new Problem("page_not_built");
      const { token } = request.params;
      const language = languageFor(request.headers["accept-language"]);
      const nonce = randomBytes(12).toString("base64url");
      reply.headers({
        ...PAGE_HEADERS,
        ...HEADERS,
        "content-security-policy": policyWith(nonce),
        vary: "accept-language",
      });
      const link = await openLink(token);
      const shown = link && (await watch.read(link, token));
      if (link === undefined || shown === undefined)
        return reply.code(404).send(goneDocument(template, language.texts));
      if (request.method === "GET") views.note(link.linkId, 1);
      const colour = brandColour(shown.appearance);
      const accents = colour === null ? null : accentsOf(colour);
      const { view, tag } = shown;
      return reply.send(trackDocument({ template, accents, nonce, view, tag, language, nowMs: now() }));
    });

    app.get("/t/:token/photos/:id", { schema: { hide: true, params: PhotoParams } }, async (request, reply) => {
      const { token, id } = request.params;
      const link = await openLink(token);
      const shown = link && (await watch.read(link, token));
      const isShown = shown?.view.proof?.photos.includes(photoPath(token, id)) === true;
      const photo = isShown && link ? await openArtefact(database, id, `tracking link:${link.linkId}`) : undefined;
      if (photo === undefined) throw new Problem("not_found");
      reply.header("content-security-policy", PICTURE_POLICY);
      return reply.type(photo.mediaType).send(photo.bytes);
    });

    app.get("/t/:token/logo", { schema: { hide: true, params: TokenParams } }, async (request, reply) => {
      const link = await openLink(request.params.token);
      const stop = link && (await readTrackedStops(database, [link.stopId]))[0];
      const logo = stop ? parseLogo(stop.brandAppearance) : null;
      if (logo === null) throw new Problem("not_found");
      reply.header("content-security-policy", PICTURE_POLICY);
      return reply.type(logo.mediaType).send(logo.bytes);
    });
  };

function policyWith(nonce: string): string {
  return PAGE_HEADERS["content-security-policy"]!.replace("style-src 'self'", `style-src 'self' 'nonce-${nonce}'`);
}

function matches(header: FastifyRequest["headers"]["if-none-match"], tag: string): boolean {
  return (header ?? "").split(",").some((known) => [`"${tag}"`, `W/"${tag}"`, "*"].includes(known.trim()));
}
