import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import fastify, { type FastifyInstance, LogController } from "fastify";
import { touchKeys } from "#store/keys.ts";
import { requireKeys } from "./auth.ts";
import { BrandSchema } from "./brand-json.ts";
import { PAGES_FOLDER, readBuiltPages } from "./built-pages.ts";
import { CommandSchema, CommandWithAudit } from "./command-json.ts";
import { createMeasures, type RouteContext } from "./context.ts";
import { DayRouteSchema } from "./day-route-json.ts";
import type { ApiDeps } from "./deps.ts";
import { DeviceSchema, UnknownDeviceSchema } from "./device-json.ts";
import { ClaimSchema } from "./driver/claim-json.ts";
import { DriverDay } from "./driver/day-json.ts";
import { CreatedDriverLink, DriverLinkSchema } from "./driver/link-json.ts";
import { DriverSchema } from "./driver-json.ts";
import { answerFrameworkError, answerProblems } from "./error-answers.ts";
import { EtaAccuracySchema } from "./eta-accuracy-json.ts";
import { Event } from "./event-json.ts";
import { IssuedEta, ReceivedPod } from "./feed-json.ts";
import { FeedWaker } from "./feed-waker.ts";
import { Fix, Position } from "./fix-json.ts";
import { GeofenceSchema, PresenceSchema } from "./geofence-json.ts";
import { keepAnswers } from "./idempotency.ts";
import { CreatedKey, Key } from "./key-json.ts";
import { KpiSchema } from "./kpi-json.ts";
import { buildLazySerializers } from "./lazy-serializers.ts";
import { API_LIMITS, UID_CHARACTERS_MAX } from "./limits.ts";
import { CreatedLink, LinkSchema } from "./link-json.ts";
import { DOCS_LOOK, DOCS_POLICY, openApiDocument, ProblemSchema } from "./openapi.ts";
import { PathSchema } from "./path-json.ts";
import { CustodySchema, PodSchema, VerdictSchema } from "./pod-json.ts";
import { Quarantined } from "./quarantine-json.ts";
import { limitAddresses, limitKeys, registerRateLimit } from "./rate-limits.ts";
import { RouteSchema, RouteSummarySchema } from "./route-json.ts";
import { Areas, areaRoutes } from "./routes/areas.ts";
import { artefactRoutes } from "./routes/artefacts.ts";
import { AttentionSchema, attentionRoutes } from "./routes/attention.ts";
import { brandRoutes } from "./routes/brands.ts";
import { commandRoutes } from "./routes/commands.ts";
import { dayRouteRoutes, StopMomentSchema } from "./routes/day-routes.ts";
import { deviceRoutes } from "./routes/devices.ts";
import { driverLinkRoutes } from "./routes/driver-links.ts";
import { driverPageRoutes } from "./routes/driver-page.ts";
import { driverRoutes } from "./routes/drivers.ts";
import { eventStreamRoutes } from "./routes/event-stream.ts";
import { EvidenceLinkSchema, evidenceRoutes } from "./routes/evidence.ts";
import { feedRoutes } from "./routes/feeds.ts";
import { geofenceRoutes } from "./routes/geofences.ts";
import { healthRoutes } from "./routes/health.ts";
import { ImportSchema, importRoutes } from "./routes/imports.ts";
import { keyRoutes } from "./routes/keys.ts";
import { linkRoutes } from "./routes/links.ts";
import { NotificationSchema, notificationRoutes } from "./routes/notifications.ts";
import { optimiseRoutes } from "./routes/optimise.ts";
import { ownKeyRoutes } from "./routes/own-key.ts";
import { pageRoutes } from "./routes/pages.ts";
import { podExportRoutes } from "./routes/pod-exports.ts";
import { podRoutes } from "./routes/pods.ts";
import { positionRoutes } from "./routes/positions.ts";
import { quarantineRoutes } from "./routes/quarantine.ts";
import { etaReportRoutes } from "./routes/reports-eta.ts";
import { kpiRoutes } from "./routes/reports-kpis.ts";
import { routeStopRoutes } from "./routes/route-stops.ts";
import { routeRoutes } from "./routes/routes.ts";
import { Silence, silenceRoutes } from "./routes/silence.ts";
import { stopRoutes } from "./routes/stops.ts";
import { tileRoutes } from "./routes/tiles.ts";
import { trackRoutes } from "./routes/track.ts";
import { tripRoutes } from "./routes/trips.ts";
import { vehicleDeviceRoutes } from "./routes/vehicle-devices.ts";
import { vehiclePositionRoutes } from "./routes/vehicle-positions.ts";
import { vehicleRoutes } from "./routes/vehicles.ts";
import { webhookDeliveryRoutes } from "./routes/webhook-deliveries.ts";
import { webhookRoutes } from "./routes/webhooks.ts";
import { StopSchema } from "./stop-json.ts";
import { refuseUnstorableText } from "./storable-text.ts";
import { Track } from "./tracking/track-json.ts";
import { Trip } from "./trip-json.ts";
import { compileValidator } from "./validator-compiler.ts";
import { VehiclePositionSchema, VehicleSchema } from "./vehicle-json.ts";
import { DeliverySchema, DeliveryWithLog, WebhookSchema, WebhookWithSecret } from "./webhook-json.ts";
import { WriteLater } from "./write-later.ts";

/** uids are URL-escaped in paths: up to three characters for each byte of at most four. */
const PARAM_CHARACTERS_MAX = UID_CHARACTERS_MAX * 12;

const COMPONENTS = [
  NotificationSchema,
  IssuedEta,
  ReceivedPod,
  KpiSchema,
  EtaAccuracySchema,
  Trip,
  PathSchema,
  Areas,
  WebhookSchema,
  WebhookWithSecret,
  DeliverySchema,
  DeliveryWithLog,
  ProblemSchema,
  Fix,
  Position,
  DeviceSchema,
  UnknownDeviceSchema,
  Event,
  Quarantined,
  CommandSchema,
  CommandWithAudit,
  Key,
  CreatedKey,
  Silence,
  VehicleSchema,
  VehiclePositionSchema,
  GeofenceSchema,
  PresenceSchema,
  VerdictSchema,
  PodSchema,
  CustodySchema,
  EvidenceLinkSchema,
  StopSchema,
  RouteSummarySchema,
  RouteSchema,
  DayRouteSchema,
  StopMomentSchema,
  AttentionSchema,
  DriverSchema,
  BrandSchema,
  ImportSchema,
  DriverLinkSchema,
  CreatedDriverLink,
  ClaimSchema,
  DriverDay,
  LinkSchema,
  CreatedLink,
  Track,
];

/** The API as a Fastify instance that does not listen. Closing it closes what it made, not what it was given. */
export async function buildApp(deps: ApiDeps): Promise<FastifyInstance> {
  const limits = { ...API_LIMITS, ...deps.limits };
  const app = fastify({
    loggerInstance: deps.logger,
    // URLs carry device ids and cursors: they stay out of the log.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.bodyBytesMax,
    trustProxy: deps.trustProxy === undefined ? false : [...deps.trustProxy],
    forceCloseConnections: true,
    frameworkErrors: answerFrameworkError,
    routerOptions: { maxParamLength: PARAM_CHARACTERS_MAX },
    schemaController: { compilersFactory: { buildSerializer: buildLazySerializers } },
  });
  app.setValidatorCompiler(compileValidator);
  const waker = new FeedWaker(deps.database, deps.logger, deps.onStored);
  const usage = new WriteLater(
    (lastUsedMs) => touchKeys(deps.database, lastUsedMs),
    Math.max,
    deps.logger,
    limits.keyUsageFlushMs,
  );
  const measures = createMeasures(deps.registry);
  const pages = readBuiltPages(deps.pagesFolder ?? PAGES_FOLDER);
  const context: RouteContext = { ...deps, limits, waker, measures, pages };

  answerProblems(app);
  app.addHook("onResponse", async (request, reply) => {
    const route = request.routeOptions.url ?? "unknown";
    const labels = { method: request.method, route, status: reply.statusCode };
    measures.requestSeconds.observe(labels, reply.elapsedTime / 1000);
  });
  app.addHook("onClose", async () => {
    waker.close();
    await usage.close();
  });

  await registerRateLimit(app);
  limitAddresses(app, limits);
  for (const schema of COMPONENTS) app.addSchema(schema);
  await app.register(swagger, openApiDocument);
  await app.register(swaggerUi, { routePrefix: "/docs", staticCSP: DOCS_POLICY, ...DOCS_LOOK });
  app.get("/openapi.json", { schema: { hide: true } }, async () => app.swagger());
  await app.register(healthRoutes(context));
  await app.register(pageRoutes(context));
  await app.register(tileRoutes(context));
  await app.register(artefactRoutes(context));
  await app.register(trackRoutes(context));
  await app.register(driverPageRoutes(context));
  await app.register(
    async (v1) => {
      await requireKeys(v1, { database: deps.database, usage, now: deps.now });
      limitKeys(v1, limits);
      refuseUnstorableText(v1);
      keepAnswers(v1, deps.database);
      for (const routes of [
        deviceRoutes,
        positionRoutes,
        tripRoutes,
        areaRoutes,
        silenceRoutes,
        feedRoutes,
        eventStreamRoutes,
        quarantineRoutes,
        commandRoutes,
        vehicleRoutes,
        vehicleDeviceRoutes,
        vehiclePositionRoutes,
        geofenceRoutes,
        dayRouteRoutes,
        attentionRoutes,
        routeRoutes,
        routeStopRoutes,
        stopRoutes,
        importRoutes,
        optimiseRoutes,
        driverRoutes,
        driverLinkRoutes,
        brandRoutes,
        linkRoutes,
        podRoutes,
        podExportRoutes,
        evidenceRoutes,
        webhookRoutes,
        webhookDeliveryRoutes,
        kpiRoutes,
        etaReportRoutes,
        notificationRoutes,
        keyRoutes,
        ownKeyRoutes,
      ]) {
        await v1.register(routes(context));
      }
    },
    { prefix: "/v1" },
  );
  await app.ready();
  return app;
}
