/**
 * <page-reader>: the document's pages, to be read on any screen; pictures with a real text layer over them.
 *
 * Wraps, for each page:
 *   <figure data-page="1" data-w="595" data-h="842" data-words="…json" data-large="…picture at 2x">
 *     <img src="…" width="595" height="842" loading="lazy" alt="Page 1"></figure>
 * `data-src` instead of `src` leaves lazy loading to the element. `data-words` answers [{"text","x","y","w","h"}] in
 * ten-thousandths. Fields come as <script type="application/json" data-fields>[{"id","kind","page","x","y","w","h",
 * "mine","required","label","goal"}]</script>; mine lead to what I fill in, the others are only outlines: mine are links
 * to `opens`#goal (another screen) where `opens` is given, else buttons.
 * Attributes: total (pages of the document, when not all of them are here), opens, report-url (read pages are sent there by sendBeacon as form data: pages=[{"page","ms"}]),
 *   data-text-page ("Page {n} of {total}"), data-text-zoom-in, data-text-zoom-out, data-text-failed, data-text-retry.
 * Events: page-change {page, total}; field-open {id} when one of my fields is tapped.
 * Methods: show(id, {text, picture}) puts a value on a field's place; reveal(id) scrolls to a field.
 */

import { requestJson } from "../lib/net.js";
import { Reading, currentPage, stretch } from "../lib/reading.js";
import { fill } from "../lib/words.js";

const REPORT_EVERY_MS = 15_000;
const DOUBLE_TAP_MS = 320;
const DOUBLE_TAP_PX = 28;
const AHEAD = "150% 0px";
const FEW_PAGES = 12;
const SETTLED_MS = 5_000;

class PageReader extends HTMLElement {
  #reading = new Reading();
  #heights = new Map();
  #stop = new AbortController();

  connectedCallback() {
    this.#stop = new AbortController();
    this.figures = [...this.querySelectorAll("figure[data-page]")];
    this.figures.forEach((figure) => this.#prepare(figure));
    if (!this.bar) this.#build();
    this.#placeFields();
    this.#watch();
  }

  disconnectedCallback() {
    this.#report();
    this.#stop.abort();
    this.#near.disconnect();
    this.#visible.disconnect();
    clearInterval(this.#timer);
    clearTimeout(this.#settled);
  }

  #settled;
  #near;
  #visible;
  #timer;

  /** Puts what was filled in on the field's place: a text or a picture's address; neither empties it. */
  show(id, { text = "", picture = "" } = {}) {
    const spot = this.#spot(id);
    if (!spot) return;
    const filled = Boolean(text || picture);
    const content = filled ? (picture ? image(picture) : label(text)) : label(spot.dataset.label);
    spot.replaceChildren(content);
    if (spot.matches("a, button")) spot.setAttribute("aria-label", [spot.dataset.label, text].filter(Boolean).join(": "));
    spot.classList.toggle("filled", filled);
  }

  /** Scrolls a field into the middle of the view and points at it for a moment. */
  reveal(id) {
    const spot = this.#spot(id);
    if (!spot) return false;
    spot.scrollIntoView({ block: "center", inline: "center", behavior: calm() ? "auto" : "smooth" });
    this.querySelectorAll(".spot.here").forEach((other) => other.classList.remove("here"));
    spot.classList.add("here");
    return true;
  }

  #spot(id) {
    return this.querySelector(`.spot[data-id="${CSS.escape(id)}"]`);
  }

  #prepare(figure) {
    if (figure.dataset.ready) return;
    figure.dataset.ready = "yes";
    figure.style.aspectRatio = `${figure.dataset.w} / ${figure.dataset.h}`;
    const img = figure.querySelector("img");
    img.addEventListener("error", () => this.#offerRetry(figure, img));
    img.addEventListener("load", () => figure.classList.add("loaded"));
    if (img.complete && img.naturalWidth) figure.classList.add("loaded");
  }

  #offerRetry(figure, img) {
    if (figure.querySelector(".page-failed")) return;
    const failed = document.createElement("div");
    failed.className = "page-failed";
    const words = document.createElement("p");
    words.setAttribute("role", "status");
    words.textContent = this.dataset.textFailed ?? "";
    const retry = document.createElement("button");
    Object.assign(retry, { type: "button", className: "button", textContent: this.dataset.textRetry ?? "" });
    retry.addEventListener("click", () => {
      failed.remove();
      const again = img.getAttribute("src");
      img.removeAttribute("src");
      img.src = again;
    });
    failed.append(words, retry);
    figure.append(failed);
  }

  #build() {
    this.bar = document.createElement("div");
    this.bar.className = "reader-bar";
    this.where = document.createElement("p");
    this.where.setAttribute("role", "status");
    this.zoom = document.createElement("button");
    Object.assign(this.zoom, { type: "button", className: "button" });
    this.zoom.addEventListener("click", () => this.#toggleZoom());
    this.bar.append(this.where, this.zoom);
    this.pages = document.createElement("div");
    this.pages.className = "pages";
    this.pages.tabIndex = -1;
    this.pages.append(...this.figures);
    this.prepend(this.bar, this.pages);
    this.#labelZoom();
    this.pages.addEventListener("pointerup", (event) => this.#tapped(event));
    this.#say(Number(this.figures[0]?.dataset.page ?? 1));
  }

  #labelZoom() {
    const zoomed = this.classList.contains("zoomed");
    this.zoom.textContent = (zoomed ? this.dataset.textZoomOut : this.dataset.textZoomIn) ?? "";
    if (zoomed) this.pages.setAttribute("tabindex", "0");
    else this.pages.setAttribute("tabindex", "-1");
  }

  #lastTap = { at: -Infinity, x: 0, y: 0 };

  #tapped(event) {
    if (event.pointerType === "mouse" || event.target.closest("button, a")) return;
    const { at, x, y } = this.#lastTap;
    const near = Math.hypot(event.clientX - x, event.clientY - y) < DOUBLE_TAP_PX;
    const double = event.timeStamp - at < DOUBLE_TAP_MS && near;
    this.#lastTap = { at: double ? -Infinity : event.timeStamp, x: event.clientX, y: event.clientY };
    if (double) this.#toggleZoom(event);
  }

  /** Twice the width or back; the point under the finger (or the middle of the current page) stays in view. */
  #toggleZoom(event) {
    const figure = event?.target.closest("figure") ?? this.#figure(this.page) ?? this.figures[0];
    const before = figure.getBoundingClientRect();
    const x = event?.clientX ?? before.left + before.width / 2;
    const y = event?.clientY ?? window.innerHeight / 2;
    const share = { x: (x - before.left) / before.width, y: (y - before.top) / before.height };
    const zoomed = this.classList.toggle("zoomed");
    if (zoomed) this.#sharpen(figure);
    this.#labelZoom();
    const after = figure.getBoundingClientRect();
    const middle = this.pages.getBoundingClientRect();
    this.pages.scrollBy({ left: after.left + share.x * after.width - (middle.left + middle.width / 2) });
    window.scrollBy({ top: after.top + share.y * after.height - y, behavior: "instant" });
  }

  #sharpen(figure) {
    const img = figure.querySelector("img");
    if (!figure.dataset.large || figure.dataset.sharp) return;
    figure.dataset.sharp = "yes";
    const large = new Image();
    large.addEventListener("load", () => (img.src = large.src));
    large.addEventListener("error", () => delete figure.dataset.sharp);
    large.src = figure.dataset.large;
  }

  #figure(page) {
    return this.figures.find((figure) => Number(figure.dataset.page) === page);
  }

  #watch() {
    this.#near = new IntersectionObserver((entries) => entries.forEach((entry) => this.#approached(entry)), {
      rootMargin: AHEAD,
    });
    const steps = Array.from({ length: 21 }, (_, i) => i / 20);
    this.#visible = new IntersectionObserver((entries) => this.#seen(entries), { threshold: steps });
    for (const figure of this.figures) {
      this.#near.observe(figure);
      this.#visible.observe(figure);
    }
    this.#timer = setInterval(() => this.#report(), REPORT_EVERY_MS);
    const { signal } = this.#stop;
    document.addEventListener("keydown", (event) => this.#maySearch(event), { signal });
    if (this.figures.length <= FEW_PAGES && !navigator.connection?.saveData) this.#settled = setTimeout(() => this.#allWords(), SETTLED_MS);
    document.addEventListener("visibilitychange", () => this.#visibility(), { signal });
    window.addEventListener("pagehide", () => this.#report(), { signal });
  }

  #approached({ target, isIntersecting }) {
    if (!isIntersecting) return;
    this.#near.unobserve(target);
    const img = target.querySelector("img");
    if (img.dataset.src) {
      img.src = img.dataset.src;
      delete img.dataset.src;
    }
    this.#loadWords(target);
  }

  /** The browser's own search finds only words that are here: ctrl/cmd + F fetches those of all pages, nearest first. */
  #maySearch(event) {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "f") this.#allWords();
  }

  async #allWords() {
    if (this.#fetching) return;
    this.#fetching = true;
    const far = (figure) => Math.abs(Number(figure.dataset.page) - this.page);
    for (const figure of [...this.figures].sort((a, b) => far(a) - far(b))) {
      if (this.#stop.signal.aborted) return;
      await this.#loadWords(figure);
    }
    this.#fetching = false;
  }

  #fetching = false;

  async #loadWords(figure) {
    if (!figure.dataset.words || figure.querySelector(".words")) return;
    const layer = document.createElement("div");
    layer.className = "words";
    figure.append(layer);
    try {
      const lines = await requestJson(figure.dataset.words, { signal: this.#stop.signal });
      const aspect = figure.dataset.w / figure.dataset.h;
      layer.append(...lines.map((line) => wordsLine(line, aspect)));
    } catch {
      layer.remove();
    }
  }

  #seen(entries) {
    const now = performance.now();
    for (const { target, isIntersecting, intersectionRect } of entries) {
      const page = Number(target.dataset.page);
      this.#heights.set(page, isIntersecting ? intersectionRect.height : 0);
      if (isIntersecting && !document.hidden) this.#reading.shown(page, now);
      else this.#reading.hidden(page, now);
      if (isIntersecting && this.classList.contains("zoomed")) this.#sharpen(target);
    }
    const page = currentPage(this.#heights);
    if (page && page !== this.page) this.#say(page);
  }

  #say(page) {
    this.page = page;
    const total = Number(this.getAttribute("total") ?? this.figures.length);
    this.where.textContent = fill(this.dataset.textPage, { n: page, total });
    this.dispatchEvent(new CustomEvent("page-change", { bubbles: true, detail: { page, total } }));
  }

  #visibility() {
    const now = performance.now();
    if (document.hidden) {
      this.#reading.pause(now);
      this.#report();
      return;
    }
    for (const [page, pixels] of this.#heights) if (pixels > 0) this.#reading.shown(page, now);
  }

  #report() {
    const pages = this.#reading.take(performance.now());
    const url = this.getAttribute("report-url");
    if (!url || !pages.length) return;
    const form = new FormData();
    form.set("pages", JSON.stringify(pages));
    navigator.sendBeacon?.(url, form);
  }

  #placeFields() {
    const source = this.querySelector("script[data-fields]");
    if (!source || this.querySelector(".spot")) return;
    for (const field of JSON.parse(source.textContent)) this.#figure(field.page)?.append(this.#fieldSpot(field));
  }

  #fieldSpot(field) {
    const away = this.getAttribute("opens");
    const spot = document.createElement(field.mine ? (away ? "a" : "button") : "div");
    spot.className = `spot ${field.kind}${field.mine ? " mine" : ""}${field.own ? " own" : ""}`;
    spot.dataset.id = field.id;
    spot.dataset.label = field.label ?? "";
    for (const [side, size] of [["left", "x"], ["top", "y"], ["width", "w"], ["height", "h"]]) {
      spot.style[side] = `${field[size] / 100}%`;
    }
    spot.append(label(field.label ?? ""));
    if (!field.mine) return spot;
    spot.setAttribute("aria-label", field.label ?? "");
    if (away) {
      spot.href = `${away}#${field.goal}`;
      return spot;
    }
    spot.type = "button";
    spot.addEventListener("click", () => {
      this.dispatchEvent(new CustomEvent("field-open", { bubbles: true, detail: { id: field.id } }));
    });
    return spot;
  }
}

function wordsLine(line, aspect) {
  const element = document.createElement("div");
  element.textContent = line.text;
  element.dir = "auto";
  Object.assign(element.style, {
    left: `${line.x / 100}%`,
    top: `${line.y / 100}%`,
    fontSize: `${line.h / 100}cqh`,
    transform: `scaleX(${stretch(line, measured(line.text), aspect).toFixed(4)})`,
  });
  return element;
}

let ruler;

/** Width of a text at 1 px font size, in the text layer's font. */
function measured(text) {
  if (!ruler) {
    ruler = document.createElement("canvas").getContext("2d");
    ruler.font = "100px sans-serif";
  }
  return ruler.measureText(text).width / 100;
}

function label(text) {
  const element = document.createElement("span");
  element.textContent = text;
  return element;
}

function image(source) {
  const element = document.createElement("img");
  element.src = source;
  element.alt = "";
  return element;
}

function calm() {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}

customElements.define("page-reader", PageReader);
