/*
 * The driver's page offline. Sent with `KEPT` in front: version, shell and paths of one build. Only these are kept, and
 * pages are asked from the server first; what the page says to the API never passes through here.
 */

const PREFIX = "driver-";
const CACHE = PREFIX + KEPT.version;
/** A network that answers later than this is none. */
const PAGE_TIMEOUT_MS = 4000;

self.addEventListener("install", (event) => {
  const keep = async () => {
    const cache = await caches.open(CACHE);
    await cache.addAll(KEPT.paths.map((path) => new Request(path, { cache: "reload" })));
    await self.skipWaiting();
  };
  event.waitUntil(keep());
});

self.addEventListener("activate", (event) => {
  const takeOver = async () => {
    const names = await caches.keys();
    await Promise.all(
      names.filter((name) => name.startsWith(PREFIX) && name !== CACHE).map((name) => caches.delete(name)),
    );
    await self.clients.claim();
  };
  event.waitUntil(takeOver());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (request.mode === "navigate") event.respondWith(openPage(request));
  else if (KEPT.paths.includes(pathname)) event.respondWith(keptOr(pathname, request));
});

async function openPage(request) {
  try {
    return await fetch(request, { signal: AbortSignal.timeout(PAGE_TIMEOUT_MS) });
  } catch (error) {
    const kept = await caches.match(KEPT.shell, { cacheName: CACHE });
    if (kept === undefined) throw error;
    return kept;
  }
}

async function keptOr(pathname, request) {
  return (await caches.match(pathname, { cacheName: CACHE })) ?? fetch(request);
}
