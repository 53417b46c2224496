/**
 * The service worker's table: which request is answered how. Pure; tried with node --test.
 *
 * Strategies: "network" (not our business: the browser does it), "page" (network, and the offline page when there is
 * none), "versioned" (the path carries the release, so a copy never grows old: cache first), "shell" (an old copy now,
 * a new one for next time), "kept" (network, and the copy of the last time when there is none; with it all that it needs). The first line that matches decides. What is signed, proven or read under a link is never
 * kept on the device, and nothing that changes the world is ever queued: a signature made offline would be none.
 */

/** Paths of which no copy may ever be kept, not even the offline page's answer instead of a stream. */
export const PRIVATE = [/^\/s\//, /^\/live(\/|$)/, /^\/dev\//, /^\/authority(\/(?!roots\.pem$)|$)/, /^\/api\//];

export const TABLE = [
  [/^\/static\/[^/]+\/(elements|lib|styles|icons|vendor|workers)\//, "versioned"],
  [/^\/(manifest\.webmanifest|favicon\.ico)$/, "shell"],
  [/^\/offline$/, "shell"],
  [/^\/(verify|authority\/roots\.pem)$/, "kept"],
];

/** The strategy for a request {method, url, mode, origin}; `origin` is the worker's own. */
export function strategy({ method, url, mode, origin }) {
  const target = new URL(url);
  if (method !== "GET" || target.origin !== origin) return "network";
  if (PRIVATE.some((pattern) => pattern.test(target.pathname))) return mode === "navigate" ? "page" : "network";
  const line = TABLE.find(([pattern]) => pattern.test(target.pathname));
  if (line) return line[1];
  return mode === "navigate" ? "page" : "network";
}

/** Whether an answer may be kept: ours, complete, successful, and not marked as private by the server. */
export function mayKeep({ ok, status, type, cacheControl }) {
  return ok && status === 200 && type === "basic" && !/no-store|private/.test(cacheControl ?? "");
}

/** The caches to delete: all of ours but this release's. */
export function stale(names, current) {
  return names.filter((name) => name.startsWith("countersign-") && name !== current);
}

/** The offline page for a reader of `language` (BCP 47) among `pages` {tag: address}; without a match the first one. */
export function offlinePage(pages, language) {
  const family = (tag) => (tag ?? "").split("-")[0].toLowerCase();
  const tags = Object.keys(pages);
  return pages[language] ?? pages[tags.find((tag) => family(tag) === family(language))] ?? pages[tags[0]];
}
