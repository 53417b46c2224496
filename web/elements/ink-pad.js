/**
 * <ink-pad>: a place to sign by finger, pen or mouse. The strokes are kept as vectors (lib/ink.js), never as pixels.
 *
 * Attributes: name (of the hidden input that carries the mark's JSON; empty while the drawing is a dot or nothing),
 *   store (sessionStorage key: the drawing survives a reload), value (a drawn mark's JSON to begin with),
 *   data-text-label (what the pad is, for screen readers, with the way to sign without drawing), data-text-hint
 *   (shown on the empty pad), data-text-undo, data-text-clear, data-text-dot (said when it is too small).
 * Events: ink-change {empty, dot, value} after each stroke, undo, clear or restore.
 * Properties: value (the mark's JSON or ""), empty; methods clear(), undo(), picture(width, height) -> data URL.
 */

import {
  MAX_POINTS,
  adds,
  countPoints,
  fitted,
  fromMark,
  isDot,
  lastMoment,
  paint,
  placement,
  point,
  toMark,
  unplaced,
} from "../lib/ink.js";

const INK = "#14213d";
const PAUSE_BETWEEN_SITTINGS_MS = 500;

class InkPad extends HTMLElement {
  #strokes = [];
  #current = null;
  #startedAt = null;

  connectedCallback() {
    if (!this.canvas) this.#build();
    this.#strokes = fromMark(this.#stored() || this.getAttribute("value") || "");
    this.#watch = new ResizeObserver(() => this.#render());
    this.#watch.observe(this.canvas);
    this.#changed();
  }

  disconnectedCallback() {
    this.#watch.disconnect();
  }

  #watch;

  get value() {
    return toMark(this.#strokes);
  }

  get empty() {
    return this.#strokes.length === 0;
  }

  clear() {
    this.#strokes = [];
    this.#changed();
  }

  undo() {
    this.#strokes = this.#strokes.slice(0, -1);
    this.#changed();
  }

  /** A picture of the drawing, as large as it fits, for a preview on paper. */
  picture(width, height) {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    context.strokeStyle = INK;
    paint(context, this.#strokes, { height, place: fitted(this.#strokes, width / height) });
    return canvas.toDataURL("image/png");
  }

  #build() {
    this.canvas = document.createElement("canvas");
    this.canvas.className = "ink-canvas";
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", this.dataset.textLabel ?? "");
    const hint = made("p", "ink-hint", this.dataset.textHint);
    hint.setAttribute("aria-hidden", "true");
    this.hint = hint;
    this.said = made("p", "ink-said small", "");
    this.said.setAttribute("role", "status");
    this.undoButton = this.#button(this.dataset.textUndo, () => this.undo());
    this.clearButton = this.#button(this.dataset.textClear, () => this.clear());
    const frame = made("div", "ink-frame");
    frame.append(this.canvas, hint);
    const tools = made("div", "ink-tools");
    tools.append(this.said, this.undoButton, this.clearButton);
    this.append(frame, tools);
    if (this.hasAttribute("name")) this.append((this.input = hiddenInput(this.getAttribute("name"))));
    this.#listen();
  }

  #button(text, act) {
    const button = made("button", "button quiet", text);
    button.type = "button";
    button.addEventListener("click", act);
    return button;
  }

  #listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(end, (event) => this.#up(event));
    }
    canvas.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  }

  #down(event) {
    if (this.#current || event.button !== 0) return;
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    const now = event.timeStamp;
    this.#startedAt ??= now - (this.empty ? 0 : lastMoment(this.#strokes) + PAUSE_BETWEEN_SITTINGS_MS);
    if (this.empty) this.#startedAt = now;
    this.#place = placement(this.#strokes, this.#aspect());
    this.#current = { id: event.pointerId, stroke: [] };
    this.#take(event);
  }

  #place = { scale: 1, dx: 0, dy: 0 };

  #move(event) {
    if (event.pointerId !== this.#current?.id) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) this.#take(each);
  }

  #take(event) {
    const { stroke } = this.#current;
    const box = this.canvas.getBoundingClientRect();
    const next = unplaced(
      point({
        x: event.clientX - box.left,
        y: event.clientY - box.top,
        height: box.height,
        ms: event.timeStamp - this.#startedAt,
        pressure: event.pressure,
        pointerType: event.pointerType,
      }),
      this.#place,
    );
    if (!adds(stroke, next) || countPoints(this.#strokes) + stroke.length >= MAX_POINTS) return;
    stroke.push(next);
    this.#frame ??= requestAnimationFrame(() => this.#render());
  }

  #frame = null;

  #up(event) {
    if (event.pointerId !== this.#current?.id) return;
    const { stroke } = this.#current;
    this.#current = null;
    if (stroke.length) this.#strokes = [...this.#strokes, stroke];
    this.#changed();
  }

  #aspect() {
    return this.canvas.clientWidth / Math.max(1, this.canvas.clientHeight);
  }

  #render() {
    this.#frame = null;
    const { canvas } = this;
    if (!canvas.clientWidth) return;
    const ratio = Math.min(3, window.devicePixelRatio || 1);
    const width = Math.round(canvas.clientWidth * ratio);
    const height = Math.round(canvas.clientHeight * ratio);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    context.strokeStyle = INK;
    const place = this.#current ? this.#place : placement(this.#strokes, this.#aspect());
    const strokes = this.#current ? [...this.#strokes, this.#current.stroke] : this.#strokes;
    paint(context, strokes, { height, place });
    this.hint.hidden = strokes.length > 0;
  }

  #changed() {
    const { value, empty } = this;
    const dot = !empty && isDot(this.#strokes);
    if (this.input) this.input.value = value;
    this.said.textContent = dot ? (this.dataset.textDot ?? "") : "";
    this.undoButton.disabled = this.clearButton.disabled = empty;
    this.#store();
    this.#render();
    this.dispatchEvent(new CustomEvent("ink-change", { bubbles: true, detail: { empty, dot, value } }));
  }

  #stored() {
    try {
      return this.hasAttribute("store") ? sessionStorage.getItem(this.getAttribute("store")) : "";
    } catch {
      return "";
    }
  }

  #store() {
    if (!this.hasAttribute("store")) return;
    try {
      sessionStorage.setItem(this.getAttribute("store"), JSON.stringify({ kind: "drawn", strokes: this.#strokes }));
    } catch {
      // Storage is full or forbidden: the drawing still works, it only does not survive a reload.
    }
  }
}

function made(tag, className, text) {
  const element = document.createElement(tag);
  element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function hiddenInput(name) {
  const input = document.createElement("input");
  Object.assign(input, { type: "hidden", name });
  return input;
}

customElements.define("ink-pad", InkPad);
