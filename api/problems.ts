/**
 * Everything that the API answers instead of what was asked, listed once: RFC 9457 problem details. `code` is stable and
 * for programs, `title` is for people, `detail` says more about this occurrence.
 */
export const PROBLEMS = {
  validation: { status: 400, title: "The request does not match its schema" },
  idempotency_key_malformed: { status: 400, title: "The Idempotency-Key cannot be one" },
  cursor_malformed: { status: 400, title: "The cursor is not one that this list gave" },
  bad_request: { status: 400, title: "The request cannot be understood" },
  key_missing: { status: 401, title: "An API key is needed: Authorization: Bearer tg_live_…" },
  key_unknown: { status: 401, title: "The API key is not known" },
  key_expired: { status: 401, title: "The API key has expired" },
  key_revoked: { status: 401, title: "The API key was revoked" },
  scope_missing: { status: 403, title: "The API key lacks the scope for this" },
  all_fleets_only: { status: 403, title: "Only a key for all fleets may do this" },
  not_found: { status: 404, title: "There is no such thing, or it belongs to another fleet" },
  not_judged: { status: 404, title: "The proof has not been judged yet" },
  no_position: { status: 404, title: "There has not been a position yet" },
  no_roads: { status: 404, title: "No road network is loaded here (ROADS)" },
  method_not_allowed: { status: 405, title: "The path exists, but not with this method" },
  uid_taken: { status: 409, title: "A device with this uid is registered already" },
  external_id_taken: { status: 409, title: "Something else of the fleet has this external id" },
  version_conflict: { status: 409, title: "It has changed since: look at it again" },
  stop_on_other_route: { status: 409, title: "The stop is on another route" },
  route_full: { status: 409, title: "The route has as many stops as it may have" },
  route_cancelled: { status: 409, title: "The route is cancelled" },
  idempotency_in_flight: { status: 409, title: "The request with this Idempotency-Key is being done" },
  device_bound: { status: 409, title: "The device is in another vehicle" },
  vehicle_full: { status: 409, title: "The vehicle has as many devices as it may have" },
  geofences_full: { status: 409, title: "The fleet has as many geofences as it may have" },
  links_full: { status: 409, title: "There are as many links as there may be" },
  webhooks_full: { status: 409, title: "The fleet has as many webhooks as it may have" },
  webhook_disabled: { status: 409, title: "The webhook is disabled" },
  not_retryable: { status: 409, title: "The frame cannot be decoded again" },
  not_cancellable: { status: 409, title: "The command cannot be taken back any more" },
  recipient_erased: { status: 409, title: "The recipient of this stop was erased" },
  cursor_expired: { status: 410, title: "The cursor is too old; go on from the earliest one" },
  body_too_large: { status: 413, title: "The request body is too large" },
  body_too_slow: { status: 408, title: "The request body did not arrive in time" },
  url_too_long: { status: 414, title: "A part of the path is too long" },
  media_type: { status: 415, title: "The request body has a media type that is not understood" },
  webhook_unfit: { status: 422, title: "Nothing can be delivered to this URL" },
  geofence_unfit: { status: 422, title: "The Feature cannot be a geofence" },
  stop_unfit: { status: 422, title: "This cannot be a stop" },
  route_unfit: { status: 422, title: "This cannot be a route" },
  coordinates_missing: { status: 422, title: "The stop has no coordinates, and addresses are not looked up here" },
  address_unknown: { status: 422, title: "The geocoder does not know the address" },
  reference_unknown: { status: 422, title: "The request names something that the fleet does not have" },
  import_unfit: { status: 422, title: "The file cannot be imported" },
  order_mismatch: { status: 422, title: "The order does not have exactly the stops of the route" },
  idempotency_key_reused: { status: 422, title: "The Idempotency-Key was used with another request" },
  link_never_open: { status: 422, title: "The tracking link would be closed before it opens" },
  command_unfit: { status: 422, title: "The device cannot be given this command" },
  pod_unfit: { status: 422, title: "The form cannot be a proof of delivery" },
  pod_incomplete: { status: 422, title: "The job asks for more than this proof has" },
  pod_key_reused: { status: 422, title: "This client id or Idempotency-Key was used for another proof" },
  artefact_unfit: { status: 422, title: "The file is not an image that can be kept" },
  rate_limited: { status: 429, title: "Too many requests" },
  streams_exhausted: { status: 429, title: "The API key has too many open event streams" },
  uploads_exhausted: { status: 429, title: "Too many uploads at this moment" },
  internal: { status: 500, title: "Something went wrong here" },
  page_not_built: { status: 503, title: "The web pages are not built here: run `npm run build`" },
  optimiser_busy: { status: 503, title: "Too many routes are being put in order; try again shortly" },
  geocoder_away: { status: 503, title: "The geocoder is away; try again later, or give coordinates" },
  phones_away: { status: 503, title: "Positions of phones can't be stored now; keep them and send them again" },
  database_away: { status: 503, title: "The database is away; try again shortly" },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof PROBLEMS;

export const PROBLEM_MEDIA_TYPE = "application/problem+json";

type ProblemOptions = {
  detail?: string;
  /** Further members of the body, in camelCase. */
  extensions?: Record<string, unknown>;
  headers?: Record<string, string>;
};

/** Thrown by handlers and hooks; the error handler answers with it. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly status: number;
  readonly detail: string | undefined;
  readonly extensions: Record<string, unknown>;
  readonly headers: Record<string, string>;

  constructor(code: ProblemCode, options: ProblemOptions = {}) {
    super(PROBLEMS[code].title);
    this.name = "Problem";
    this.code = code;
    this.status = PROBLEMS[code].status;
    this.detail = options.detail;
    this.extensions = options.extensions ?? {};
    this.headers = options.headers ?? {};
  }

  /** The members of RFC 9457, `code`, and the extensions; `requestId` finds the request in the log. */
  body(requestId: string): Record<string, unknown> {
    return {
      type: `/problems#${this.code}`,
      title: this.message,
      status: this.status,
      ...(this.detail === undefined ? {} : { detail: this.detail }),
      code: this.code,
      requestId,
      ...this.extensions,
    };
  }
}
