/**
 * <live-status>: hears that something changed and lets the page fetch the truth. It carries no state itself.
 *
 *   <live-status url="/live" topics="contract:ID" hx-get="…" hx-trigger="changed" hx-target="#status"></live-status>
 *
 * A refresh that brings nothing new changes nothing on the page, so a reader is not interrupted; a new one gives the focus
 * back to what had it. When even asking fails, data-text-offline is shown until it works again.
 * Attributes: url (of the socket), port (when the live unit has one of its own), topics (ours, separated by spaces;
 *   none: every change concerns us). Keep it outside of what the refresh replaces.
 * Events: changed (htmx listens): on a message that concerns us, after each reconnection, when the tab is shown again
 *   or the network is back, and every five seconds while the socket is down; live-state {connected}.
 */

import { delay } from "../lib/backoff.js";
import { address, concerns } from "../lib/live.js";

const POLL_MS = 5_000;
const TOGETHER_MS = 150;

class LiveStatus extends HTMLElement {
  #socket = null;
  #attempt = 0;
  #timers = {};
  #stop = new AbortController();
  #everConnected = false;

  connectedCallback() {
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#rest() : this.#wake()), { signal });
    window.addEventListener("online", () => this.#wake(), { signal });
    window.addEventListener("pageshow", (event) => event.persisted && this.#wake(), { signal });
    document.addEventListener("htmx:beforeSwap", (event) => this.#ours(event) && this.#arrived(event), { signal });
    document.addEventListener("htmx:afterSettle", (event) => this.#ours(event) && this.#refocus(), { signal });
    for (const kind of ["htmx:sendError", "htmx:timeout"]) {
      document.addEventListener(kind, (event) => this.#ours(event) && this.#note(true), { signal });
    }
    if (!document.hidden) this.#connect();
  }

  #seen = null;
  #focus = null;

  #ours(event) {
    return event.detail?.requestConfig?.elt === this || event.detail?.elt === this;
  }

  #arrived({ detail }) {
    this.#note(false);
    const { responseText } = detail.xhr;
    if (responseText === this.#seen) detail.shouldSwap = false;
    this.#seen = responseText;
    const { activeElement } = document;
    this.#focus = detail.shouldSwap && detail.target.contains(activeElement) ? nameOf(activeElement) : null;
  }

  #refocus() {
    if (!this.#focus || document.activeElement !== document.body) return;
    const all = document.querySelectorAll(`${this.getAttribute("hx-target")} :is(a, button, input, select, textarea, summary)`);
    const again = [...all].find((element) => nameOf(element) === this.#focus);
    const region = document.querySelector(this.getAttribute("hx-target"));
    if (!again && region) region.tabIndex = -1;
    (again ?? region)?.focus({ preventScroll: true });
  }

  #note(shown) {
    if (!shown && !this.note) return;
    if (!this.note) {
      this.note = document.createElement("p");
      this.note.className = "notice warn";
      this.note.setAttribute("role", "status");
      this.append(this.note);
    }
    this.note.hidden = !shown;
    this.note.textContent = shown ? (this.dataset.textOffline ?? "") : "";
  }

  disconnectedCallback() {
    this.#stop.abort();
    this.#rest();
  }

  #connect() {
    clearTimeout(this.#timers.again);
    if (this.#socket) return;
    let socket;
    try {
      socket = new WebSocket(address(this.getAttribute("url"), window.location, this.getAttribute("port") ?? ""));
    } catch {
      this.#poll();
      return;
    }
    this.#socket = socket;
    socket.addEventListener("open", () => this.#opened());
    socket.addEventListener("message", (event) => concerns(event.data, this.#topics()) && this.#changed());
    socket.addEventListener("close", () => this.#closed(socket));
  }

  #topics() {
    return (this.getAttribute("topics") ?? "").split(/\s+/).filter(Boolean);
  }

  #opened() {
    this.#attempt = 0;
    clearInterval(this.#timers.poll);
    this.#timers.poll = null;
    this.#tell(true);
    if (this.#everConnected) this.#changed();
    this.#everConnected = true;
  }

  #closed(socket) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    this.#tell(false);
    if (document.hidden) return;
    this.#poll();
    this.#timers.again = setTimeout(() => this.#connect(), delay(this.#attempt++));
  }

  #poll() {
    this.#timers.poll ??= setInterval(() => this.#changed(), POLL_MS);
  }

  #rest() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    clearTimeout(this.#timers.again);
    clearTimeout(this.#timers.changed);
    clearInterval(this.#timers.poll);
    this.#timers = {};
  }

  #wake() {
    if (document.hidden) return;
    this.#attempt = 0;
    this.#changed();
    this.#connect();
  }

  /** Several changes in a row are one refresh. */
  #changed() {
    clearTimeout(this.#timers.changed);
    this.#timers.changed = setTimeout(() => this.dispatchEvent(new CustomEvent("changed")), TOGETHER_MS);
  }

  #tell(connected) {
    this.dispatchEvent(new CustomEvent("live-state", { bubbles: true, detail: { connected } }));
  }
}

/** What makes a control the same one after a refresh: its id, or where it leads and what it says. */
function nameOf(element) {
  return element.id || [element.href, element.form?.action, element.name, element.textContent.trim()].join(" ");
}

customElements.define("live-status", LiveStatus);
