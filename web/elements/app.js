/**
 * What every page does once: sends a form only once, says when the network is gone, never shows a stale page of a
 * ceremony, opens <dialog>s by name, registers the service worker, carries what was typed into another language.
 *
 * <body data-text-offline="…"> gives the sentence; data-fresh: coming back to this page asks the server again;
 * data-worker: the service worker is registered. A button with data-opens="id" opens that <dialog class="sheet">, one
 * with data-closes closes the one it is in; in a plain form the dialog's content is reached by its own page.
 * data-address: where this answer to a POST can be reached again.
 * data-forget="key key" removes what this browser kept of a ceremony that is over.
 */

import { forget, keep, kept, putBack, typed } from "../lib/keeping.js";

const { body } = document;

/** Only when the page is there: on a slow phone the worker's own downloads would be in its way. */
function register() {
  navigator.serviceWorker?.register("/sw.js").catch(() => {
    // Not allowed here (a private window, plain http): the pages work without it.
  });
}

if ("worker" in body.dataset) {
  if (document.readyState === "complete") register();
  else window.addEventListener("load", register, { once: true });
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-opens]");
  if (opener) {
    const dialog = document.getElementById(opener.dataset.opens);
    if (dialog?.showModal) {
      event.preventDefault();
      dialog.showModal();
    }
  }
  event.target.closest?.("[data-closes]")?.closest("dialog")?.close();
});

for (const over of document.querySelectorAll("[data-forget]")) {
  for (const key of over.dataset.forget.split(" ")) forget([localStorage, sessionStorage], key);
}

// The answer to a refused form lives under its page's own address: reloading it, or coming back, sends nothing again.
if (body.dataset.address) window.history.replaceState(null, "", body.dataset.address);

// --- another language: what was typed goes along, in this tab, for the moment that it takes

const TYPED = `typed ${window.location.pathname}`;
const A_MOMENT_MS = 60_000;
const fields = () => [...document.forms].flatMap((form) => [...form.elements]);

document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || !event.target.matches(".languages")) return;
  keep(sessionStorage, TYPED, typed(fields(), { all: "address" in body.dataset }), Date.now());
});

for (const field of putBack(fields(), kept(sessionStorage, TYPED, Date.now(), A_MOMENT_MS))) {
  for (let at = field.closest("details"); at; at = at.parentElement.closest("details")) at.open = true;
  for (const type of ["input", "change"]) field.dispatchEvent(new Event(type, { bubbles: true }));
}
forget([sessionStorage], TYPED);

// --- a form is sent once, however often it is tapped

const sent = new WeakSet();

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (sent.has(form)) {
    event.preventDefault();
    return;
  }
  sent.add(form);
  (event.submitter ?? form.querySelector("button:not([type=button])"))?.setAttribute("aria-busy", "true");
});

window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  if ("fresh" in body.dataset) {
    window.location.reload();
    return;
  }
  for (const form of document.forms) sent.delete(form);
  for (const busy of document.querySelectorAll("form [aria-busy=true]")) busy.removeAttribute("aria-busy");
});

// --- the network

let banner = null;

function showNetwork() {
  if (navigator.onLine) {
    banner?.remove();
    banner = null;
    return;
  }
  if (banner || !body.dataset.textOffline) return;
  banner = document.createElement("p");
  banner.className = "toast";
  banner.setAttribute("role", "status");
  banner.textContent = body.dataset.textOffline;
  body.append(banner);
}

/** Without a connection a form would end on the browser's own error page and take along what was typed. */
document.addEventListener(
  "submit",
  (event) => {
    if (navigator.onLine || event.target.method !== "post") return;
    event.preventDefault();
    event.stopImmediatePropagation();
    showNetwork();
    banner?.classList.add("urgent");
    banner?.setAttribute("role", "alert");
  },
  true,
);

window.addEventListener("online", showNetwork);
window.addEventListener("offline", showNetwork);
showNetwork();
