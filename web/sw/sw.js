/**
 * The service worker's wiring. The decisions are in rules.js and push.js.
 *
 * Firefox took long to run module workers, so the server serves /sw.js as one classic script: a line that sets
 * `self.HOUSE = {version, files, offline, kept, title, icon, badge}`, then rules.js, push.js and this file with their
 * `import` lines and `export` words left out (tests/web/sw.test.mjs composes and runs it the same way). `files` are the
 * addresses of the shell, precached; `offline` are the pages shown without a network, by language; `kept` are pages that work
 * without one once they have been visited, each with the addresses that it needs. `version` changes with each release. Pages are asked for while the worker still wakes up (navigation preload); none of them is kept, only the
 * language that the last one was in.
 */

import { mayKeep, offlinePage, stale, strategy } from "./rules.js";
import { destination, notification } from "./push.js";

const CACHE = `countersign-${self.HOUSE.version}`;
const LANGUAGE = "/offline/language";

self.addEventListener("install", (event) => {
  event.waitUntil(precache().then(() => self.skipWaiting()));
});

async function precache() {
  const cache = await caches.open(CACHE);
  const urls = [...Object.values(self.HOUSE.offline), ...self.HOUSE.files];
  for (const [page, needed] of Object.entries(self.HOUSE.kept)) {
    if (await caches.match(page, { ignoreVary: true })) urls.push(page, ...needed);
  }
  await cache.addAll([...new Set(urls)].map((url) => new Request(url, { cache: "reload" })));
}

self.addEventListener("activate", (event) => {
  event.waitUntil(takeOver());
});

async function takeOver() {
  const names = await caches.keys();
  await Promise.all(stale(names, CACHE).map((name) => caches.delete(name)));
  await self.registration.navigationPreload?.enable();
  await self.clients.claim();
}

const ANSWERS = { page, versioned, shell, kept };

self.addEventListener("fetch", (event) => {
  const { method, url, mode } = event.request;
  const answer = ANSWERS[strategy({ method, url, mode, origin: self.location.origin })];
  if (answer) event.respondWith(answer(event));
});

async function page(event) {
  try {
    const response = (await event.preloadResponse) ?? (await fetch(event.request));
    event.waitUntil(remember(response.headers.get("Content-Language")));
    return response;
  } catch {
    const kept = await caches.match(LANGUAGE);
    const said = kept ? await kept.text() : self.navigator?.language;
    return (await caches.match(offlinePage(self.HOUSE.offline, said), { ignoreVary: true })) ?? Response.error();
  }
}

let language = null;

async function remember(spoken) {
  if (!spoken || spoken === language) return;
  language = spoken;
  const cache = await caches.open(CACHE);
  await cache.put(LANGUAGE, new Response(spoken));
}

async function versioned({ request }) {
  return (await caches.match(request)) ?? fetchAndKeep(request);
}

async function shell(event) {
  const kept = await caches.match(event.request);
  const fresh = fetchAndKeep(event.request);
  if (!kept) return fresh;
  event.waitUntil(fresh.catch(() => undefined));
  return kept;
}

/** Kept by its path alone: a page in whatever language it was seen last. */
async function kept(event) {
  const { pathname } = new URL(event.request.url);
  try {
    const response = (await event.preloadResponse) ?? (await fetch(event.request));
    event.waitUntil(keep(pathname, response).then(() => keepMissing(self.HOUSE.kept[pathname] ?? [])));
    return response;
  } catch {
    return (await caches.match(pathname, { ignoreVary: true })) ?? (event.request.mode === "navigate" ? page(event) : Response.error());
  }
}

async function keepMissing(urls) {
  const cache = await caches.open(CACHE);
  const missing = [];
  for (const url of urls) if (!(await caches.match(url, { ignoreVary: true }))) missing.push(url);
  await cache.addAll(missing.map((url) => new Request(url)));
}

async function fetchAndKeep(request) {
  const response = await fetch(request);
  await keep(request, response);
  return response;
}

async function keep(request, response) {
  const { ok, status, type } = response;
  if (!mayKeep({ ok, status, type, cacheControl: response.headers.get("Cache-Control") })) return;
  const copy = response.clone();
  const cache = await caches.open(CACHE);
  await cache.put(request, copy);
}

self.addEventListener("push", (event) => {
  const { title, options } = notification(event.data ? event.data.text() : "", self.HOUSE);
  event.waitUntil(self.registration.showNotification(title, options));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(destination(event.notification.data?.url, self.location.origin)));
});

async function open(url) {
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = windows.find((client) => client.url === url);
  if (there) return there.focus();
  return self.clients.openWindow(url);
}
