import { readFileSync } from "node:fs";
import type { FastifyDynamicSwaggerOptions } from "@fastify/swagger";
import { Type } from "typebox";
import { PROBLEM_MEDIA_TYPE, PROBLEMS, type ProblemCode } from "./problems.ts";
import { named, Ref } from "./schemas.ts";

export const ProblemSchema = named(
  "Problem",
  Type.Object(
    {
      type: Type.String(),
      title: Type.String(),
      status: Type.Integer(),
      detail: Type.Optional(Type.String()),
      code: Type.Enum(Object.keys(PROBLEMS) as ProblemCode[]),
      requestId: Type.String(),
    },
    { description: "RFC 9457", additionalProperties: true },
  ),
);

/** What any operation may answer instead; added to each by the hook in `requireKeys`. */
export const PROBLEM_RESPONSES = {
  "4xx": { description: "Problem", content: { [PROBLEM_MEDIA_TYPE]: { schema: Ref(ProblemSchema) } } },
  "5xx": { description: "Problem", content: { [PROBLEM_MEDIA_TYPE]: { schema: Ref(ProblemSchema) } } },
};

/** The document is generated from the schemas that validate and serialise. */
export const openApiDocument: FastifyDynamicSwaggerOptions = {
  openapi: {
    openapi: "3.1.0",
    info: {
      title: "Telematics gateway",
      version: "1",
      description:
        "Devices, positions, feeds and events. Lists take `after` and `limit` and answer `data`, `next_cursor`, `has_more`.",
    },
    servers: [{ url: "/" }],
    tags: [
      { name: "devices" },
      { name: "positions" },
      { name: "vehicles", description: "What carries one or more devices" },
      { name: "routes", description: "What is planned: vehicles, drivers and their stops in order" },
      { name: "stops", description: "Places to be served, and when they will be" },
      { name: "drivers" },
      { name: "driver's page", description: "What a driver does by a link; its token is all that is needed" },
      { name: "brands", description: "Whom the person waiting meets" },
      { name: "feeds", description: "In commit order, to be followed by cursor" },
      { name: "quarantine" },
      { name: "commands", description: "To devices: queued, sent when they are connected, answered" },
      { name: "map" },
      { name: "links", description: "By which somebody without a key follows one stop" },
      { name: "tracking", description: "What a link shows; its token is all that is needed" },
      { name: "webhooks", description: "Events delivered as they happen, signed" },
      { name: "proof of delivery", description: "Handed in once, judged by telemetry, kept as evidence" },
      { name: "keys" },
      { name: "operation" },
    ],
    components: { securitySchemes: { key: { type: "http", scheme: "bearer", bearerFormat: "tg_live_…" } } },
  },
  refResolver: {
    buildLocalReference: (schema, _base, _fragment, index) =>
      typeof schema.$id === "string" ? schema.$id : `schema-${index}`,
  },
};

/** Content security policy of the docs page: everything comes from here. The page styles itself inline. */
export const DOCS_POLICY = {
  "default-src": "'self'",
  "style-src": ["'self'", "'unsafe-inline'"],
  "img-src": ["'self'", "data:"],
  "object-src": "'none'",
  "frame-ancestors": "'none'",
};

const ICON = readFileSync(new URL("web/src/design/icon.svg", import.meta.url));
const ICON_TYPE = "image/svg+xml";

/** The docs page under our own name and sign. */
export const DOCS_LOOK = {
  logo: { type: ICON_TYPE, content: ICON, href: "/" },
  theme: {
    title: "Telematics gateway API",
    favicon: [{ filename: "icon.svg", rel: "icon", sizes: "any", type: ICON_TYPE, content: ICON.toString() }],
  },
};
