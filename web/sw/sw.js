/**
 * The service worker's wiring. The decisions are in rules.js and push.js.
 *
 * Firefox took long to run module workers, so the server serves /sw.js as one classic script: a line that sets
 * `self.HOUSE = {version, files, offline, title, icon, badge}`, then rules.js, push.js and this file with their
 * `import` lines and `export` words left out (tests/web/sw.test.mjs composes and runs it the same way). `files` are the
 * addresses of the shell, precached; `offline` are the pages shown without a network, by language. `version` changes with
 * each release. Pages are asked for while the worker still wakes up (navigation preload); none of them is kept, only the
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
  await cache.addAll([...Object.values(self.HOUSE.offline), ...self.HOUSE.files].map((url) => new Request(url, { cache: "reload" })));
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

const ANSWERS = { page, versioned, shell };

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

async function fetchAndKeep(request) {
  const response = await fetch(request);
  const { ok, status, type } = response;
  if (mayKeep({ ok, status, type, cacheControl: response.headers.get("Cache-Control") })) {
    const cache = await caches.open(CACHE);
    await cache.put(request, response.clone());
  }
  return response;
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
