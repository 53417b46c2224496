/** The CSRF token that the server wrote into this page: <meta name="csrf-token" content="…">; empty where there is none. */
export function pageToken() {
  return document.querySelector('meta[name="csrf-token"]')?.content ?? "";
}
