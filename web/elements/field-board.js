/**
 * <field-board>: the sender places fields on the pages, by thumb, mouse or keyboard. Geometry is in lib/board.js.
 *
 * Wraps <figure data-page data-w data-h><img></figure> for each page and
 *   <script type="application/json" data-board>{"signers":[{"id","name"}],"fields":[…]}</script>
 * Attributes: name (of the hidden input with the fields' JSON, "fields"), save-url (the JSON list of fields is POSTed
 *   there after each change), data-text-signature, -date, -text, -checkbox (kinds); -signer (label of the signer's choice);
 *   -palette (name of the toolbar), -place ("tap the page"), -placed, -moved, -removed ("{kind}, {signer}, page {page}";
 *   moved also has {x} and {y} in percent), -undone, -redone, -undo, -redo, -edit, -remove, -required, -label, -done,
 *   -optional, -saved, -saving, -unsaved, -retry, -help (how the keyboard works, read with each field).
 * A kind is dragged from the palette onto a page, or tapped and then the page. Links within [data-after-saving] anywhere on
 * the page wait until all is saved.
 * Keys on a field: arrows move (shift: finely), alt + arrows and + - resize, page up / down to the next page, Enter
 *   edits, Delete removes, Escape lets go; ctrl/cmd + Z and shift + Z step back and forth.
 * Events: board-change {fields}; board-saved {state}.
 */

import { Autosave } from "../lib/autosave.js";
import { FULL, History, KINDS, clamp, inReadingOrder, nudge, place, resize, serialise, snap, snapCorner } from "../lib/board.js";
import { forget, keep, kept } from "../lib/keeping.js";
import { Refused, request } from "../lib/net.js";
import { fill } from "../lib/words.js";

const COLOURS = 6;
const CORNERS = ["nw", "ne", "sw", "se"];
const SLOP_PX = 4;
const REACH_PX = 7;
const EDGE_PX = 56;
const EDGE_STEP_PX = 9;
const LEFT_MS = 60_000;
const LEFT_CHARACTERS = 1_000_000;

class FieldBoard extends HTMLElement {
  #history = new History([]);
  #armed = null;
  #selected = null;
  #editing = null;
  #drag = null;
  #carry = null;
  #dropped = false;
  #pointer = null;
  #stop = new AbortController();

  connectedCallback() {
    this.#stop = new AbortController();
    if (!this.tools) this.#build();
    this.#listen();
    this.#render();
    this.#takeUp();
  }

  disconnectedCallback() {
    this.#stop.abort();
    this.autosave.stop();
  }

  get fields() {
    return this.#history.state;
  }

  // --- made once

  #build() {
    const { signers, fields } = JSON.parse(this.querySelector("script[data-board]").textContent);
    this.signers = signers;
    this.#history = new History(serialise(fields));
    this.figures = [...this.querySelectorAll("figure[data-page]")];
    for (const figure of this.figures) figure.style.aspectRatio = `${figure.dataset.w} / ${figure.dataset.h}`;
    this.input = Object.assign(document.createElement("input"), { type: "hidden", name: this.getAttribute("name") ?? "fields" });
    this.said = made("p", "visually-hidden");
    this.said.setAttribute("role", "status");
    this.help = made("p", "visually-hidden", this.dataset.textHelp);
    this.help.id = `board-help-${Math.random().toString(36).slice(2, 8)}`;
    this.#buildTools();
    this.#buildSheet();
    this.append(this.tools, this.input, this.said, this.help, this.sheet);
    this.autosave = new Autosave({
      save: (text) => this.#save(text),
      onState: (state, error) => this.#showState(state, error),
      final: (error) => error instanceof Refused && error.status < 500,
    });
  }

  #buildTools() {
    this.tools = made("div", "board-tools");
    this.palette = made("div", "palette");
    this.palette.setAttribute("role", "toolbar");
    this.palette.setAttribute("aria-label", this.dataset.textPalette ?? "");
    this.kinds = KINDS.map((kind) => {
      const button = this.#button("button kind", this.#text(kind), (event) => this.#arm(kind, event));
      button.dataset.kind = kind;
      button.addEventListener("pointerdown", (event) => this.#take(event, kind));
      return button;
    });
    this.palette.append(...this.kinds);
    this.undoButton = this.#button("button quiet", "↶", () => this.#step("undo"));
    this.redoButton = this.#button("button quiet", "↷", () => this.#step("redo"));
    for (const [button, words] of [[this.undoButton, this.dataset.textUndo], [this.redoButton, this.dataset.textRedo]]) {
      button.title = words ?? "";
      button.setAttribute("aria-label", words ?? "");
    }
    this.editButton = this.#button("button", this.dataset.textEdit, () => this.#edit());
    this.removeButton = this.#button("button danger", this.dataset.textRemove, () => this.#remove());
    this.state = made("span", "board-state small");
    this.state.setAttribute("role", "status");
    this.retry = this.#button("button quiet", this.dataset.textRetry, () => this.autosave.retry());
    this.retry.hidden = true;
    const foot = made("div", "board-foot");
    foot.append(this.state, this.retry, this.undoButton, this.redoButton, this.editButton, this.removeButton);
    this.tools.append(this.#buildSigner(), this.palette, foot);
  }

  #buildSigner() {
    const label = made("label", "board-signer");
    label.append(made("span", "visually-hidden", this.dataset.textSigner));
    this.signer = this.#signerChoice();
    this.signer.addEventListener("change", () => this.#chooseSigner());
    label.append(made("span", "swatch"), this.signer);
    return label;
  }

  #signerChoice() {
    const choice = document.createElement("select");
    for (const { id, name } of this.signers) choice.append(new Option(name, id));
    return choice;
  }

  #buildSheet() {
    this.sheet = made("dialog", "sheet");
    this.sheet.setAttribute("aria-label", this.dataset.textEdit ?? "");
    const whose = made("label", "field");
    this.whoseInput = this.#signerChoice();
    whose.append(made("span", "label", this.dataset.textSigner), this.whoseInput);
    const label = made("label", "field");
    this.labelInput = Object.assign(document.createElement("input"), { type: "text", maxLength: 80 });
    label.append(made("span", "label", this.dataset.textLabel), this.labelInput);
    const check = made("label", "check");
    this.requiredInput = Object.assign(document.createElement("input"), { type: "checkbox" });
    check.append(this.requiredInput, made("span", "", this.dataset.textRequired));
    const choices = made("div", "choices");
    choices.append(this.#button("button primary", this.dataset.textDone, () => this.sheet.close("done")));
    this.sheet.append(whose, label, check, choices);
    this.sheet.addEventListener("close", () => this.#edited());
    this.sheet.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.target !== this.labelInput) return;
      event.preventDefault();
      this.sheet.close("done");
    });
  }

  #button(className, text, act) {
    const button = made("button", className, text);
    button.type = "button";
    button.addEventListener("click", act);
    return button;
  }

  #listen() {
    const { signal } = this.#stop;
    for (const figure of this.figures) {
      figure.addEventListener("click", (event) => this.#pageTapped(event, figure), { signal });
    }
    this.addEventListener("pointerdown", (event) => this.#down(event), { signal });
    this.addEventListener("pointermove", (event) => this.#moved(event), { signal });
    this.addEventListener("pointerup", (event) => this.#up(event), { signal });
    this.addEventListener("pointercancel", () => this.#cancel(), { signal });
    this.addEventListener("dblclick", (event) => event.target.closest(".spot") && this.#edit(), { signal });
    this.addEventListener("keydown", (event) => this.#key(event), { signal });
    document.addEventListener("click", (event) => this.#followed(event), { signal });
    window.addEventListener("pageshow", (event) => event.persisted && this.autosave.retry(), { signal });
    this.addEventListener("focusin", (event) => this.#focused(event), { signal });
    window.addEventListener("online", () => this.autosave.retry(), { signal });
    window.addEventListener("pagehide", () => this.#leave(), { signal });
    document.addEventListener("visibilitychange", () => document.hidden && this.autosave.retry(), { signal });
  }

  #text(kind) {
    return this.dataset[`text${kind[0].toUpperCase()}${kind.slice(1)}`] ?? "";
  }

  // --- placing

  #arm(kind, event) {
    if (this.#dropped) {
      this.#dropped = false;
      return;
    }
    if (event.detail === 0) {
      this.#place(kind, this.#pageInView(), { x: FULL / 2, y: FULL / 2 });
      return;
    }
    this.#armed = this.#armed === kind ? null : kind;
    this.#select(null);
    this.#render();
    if (this.#armed) this.said.textContent = this.dataset.textPlace ?? "";
  }

  /** A kind is taken from the palette; it follows the pointer once that has gone a little way. */
  #take(event, kind) {
    this.#dropped = false;
    if (event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    this.#carry = { kind, pointer: event.pointerId, from: event, ghost: null };
  }

  #carried(event) {
    const { from, kind, ghost } = this.#carry;
    if (!ghost && Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY) < 2 * SLOP_PX) return;
    if (!ghost) this.append((this.#carry.ghost = made("div", "ghost", this.#text(kind))));
    this.#carry.ghost.style.translate = `${event.clientX}px ${event.clientY}px`;
    this.#follow(event);
  }

  #drop(event) {
    const { kind, ghost } = this.#carry;
    this.#cancelCarry();
    if (!ghost) return;
    this.#dropped = true;
    const figure = document.elementFromPoint(event.clientX, event.clientY)?.closest("figure[data-page]");
    if (figure && this.contains(figure)) this.#place(kind, figure, pointOn(figure, event));
  }

  #cancelCarry() {
    this.#carry?.ghost?.remove();
    this.#carry = null;
    this.#pointer = null;
  }

  /** Near the upper or lower edge the pages move along under what is being dragged. */
  #follow(event) {
    const still = this.#pointer === null;
    this.#pointer = event;
    if (still) requestAnimationFrame(() => this.#scrollAlong());
  }

  #scrollAlong() {
    const event = this.#pointer;
    if (!event) return;
    const low = this.tools.getBoundingClientRect();
    const bottom = low.width > window.innerWidth / 2 ? low.top : window.innerHeight;
    const top = EDGE_PX * 2;
    const below = this.#drag ? event.clientY > bottom - EDGE_PX / 2 : event.clientY > bottom - EDGE_PX / 2 && event.clientY < bottom;
    const step = event.clientY < top ? -EDGE_STEP_PX : below ? EDGE_STEP_PX : 0;
    if (step) {
      window.scrollBy({ top: step, behavior: "instant" });
      if (this.#drag?.moving) this.#moved(event);
    }
    requestAnimationFrame(() => this.#scrollAlong());
  }

  #pageInView() {
    const middle = window.innerHeight / 2;
    const distance = (figure) => {
      const { top, bottom } = figure.getBoundingClientRect();
      return top <= middle && bottom >= middle ? 0 : Math.min(Math.abs(top - middle), Math.abs(bottom - middle));
    };
    return this.figures.reduce((best, figure) => (distance(figure) < distance(best) ? figure : best));
  }

  #pageTapped(event, figure) {
    if (event.target.closest(".spot")) return;
    if (!this.#armed) {
      this.#select(null);
      this.#render();
      return;
    }
    this.#place(this.#armed, figure, pointOn(figure, event));
  }

  #place(kind, figure, at) {
    const page = Number(figure.dataset.page);
    const aspect = figure.dataset.w / figure.dataset.h;
    const box = snap(place(kind, at, aspect), this.#others(page), this.#reach(figure)).box;
    const required = kind !== "checkbox";
    const field = { id: newId(), signer_id: this.signer.value, kind, page, ...box, required, label: "" };
    this.#armed = null;
    this.#commit([...this.fields, field]);
    this.#select(field.id);
    this.#render();
    this.#announce("placed", field);
    this.#spot(field.id)?.focus({ preventScroll: true });
  }

  #others(page, id = null) {
    return this.fields.filter((field) => field.page === page && field.id !== id);
  }

  #reach(figure) {
    const box = figure.getBoundingClientRect();
    return { x: (REACH_PX / box.width) * FULL, y: (REACH_PX / box.height) * FULL };
  }

  // --- dragging

  #down(event) {
    const spot = event.target.closest(".spot");
    if (!spot || event.button !== 0) return;
    const field = this.#field(spot.dataset.id);
    const wasSelected = this.#selected === field.id;
    this.#select(field.id);
    this.#render();
    if (!wasSelected && event.pointerType !== "mouse") return;
    event.preventDefault();
    spot.setPointerCapture(event.pointerId);
    spot.focus({ preventScroll: true });
    const box = spot.getBoundingClientRect();
    const grab = { x: event.clientX - box.left, y: event.clientY - box.top };
    const corner = event.target.dataset.corner ?? null;
    this.#drag = { id: field.id, pointer: event.pointerId, corner, grab, start: field, now: field, event, moving: false };
  }

  #moved(event) {
    if (event.pointerId === this.#carry?.pointer) {
      this.#carried(event);
      return;
    }
    const drag = this.#drag;
    if (event.pointerId !== drag?.pointer) return;
    const far = Math.hypot(event.clientX - drag.event.clientX, event.clientY - drag.event.clientY);
    if (!drag.moving && far < SLOP_PX) return;
    drag.moving = true;
    this.#follow(event);
    drag.now = drag.corner ? this.#resized(event) : this.#dragged(event);
    this.#draw(drag.now);
  }

  #resized(event) {
    const { start, corner, event: from } = this.#drag;
    const figure = this.#figure(start.page);
    const page = figure.getBoundingClientRect();
    const dx = ((event.clientX - from.clientX) / page.width) * FULL;
    const dy = ((event.clientY - from.clientY) / page.height) * FULL;
    const others = this.#others(start.page, start.id);
    return { ...start, ...snapCorner(resize(start, corner, dx, dy), corner, others, this.#reach(figure)) };
  }

  #dragged(event) {
    const { start, grab } = this.#drag;
    const figure = this.#figureAt(event.clientY) ?? this.#figure(start.page);
    const page = figure.getBoundingClientRect();
    const at = {
      x: ((event.clientX - grab.x - page.left) / page.width) * FULL,
      y: ((event.clientY - grab.y - page.top) / page.height) * FULL,
    };
    const number = Number(figure.dataset.page);
    const box = clamp({ ...at, w: start.w, h: start.h });
    const snapped = snap(box, this.#others(number, start.id), this.#reach(figure));
    this.#showGuides(figure, snapped);
    return { ...start, page: number, ...snapped.box };
  }

  #figureAt(y) {
    return this.figures.find((figure) => {
      const { top, bottom } = figure.getBoundingClientRect();
      return y >= top && y <= bottom;
    });
  }

  #showGuides(figure, { x, y }) {
    this.querySelectorAll(".guide").forEach((guide) => guide.remove());
    for (const [line, side, name] of [[x, "left", "upright"], [y, "top", "level"]]) {
      if (line === null) continue;
      const guide = made("div", `guide ${name}`);
      guide.style[side] = `${line / 100}%`;
      figure.append(guide);
    }
  }

  #up(event) {
    if (event.pointerId === this.#carry?.pointer) {
      this.#drop(event);
      return;
    }
    const drag = this.#drag;
    if (event.pointerId !== drag?.pointer) return;
    this.#cancelDrag();
    if (drag.moving) this.#change(drag.now, "moved");
    else if (event.pointerType !== "mouse" && !drag.corner) this.#edit();
  }

  #cancel() {
    this.#cancelCarry();
    this.#cancelDrag();
    this.#render();
  }

  #cancelDrag() {
    this.#drag = null;
    this.#pointer = null;
    this.querySelectorAll(".guide").forEach((guide) => guide.remove());
  }

  // --- keyboard

  #key(event) {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !this.sheet.open) {
      event.preventDefault();
      this.#step(event.shiftKey ? "redo" : "undo");
      return;
    }
    if (event.key === "Escape" && !this.sheet.open) {
      this.#letGo();
      return;
    }
    const spot = event.target.closest?.(".spot");
    if (!spot || event.ctrlKey || event.metaKey) return;
    const field = this.#field(spot.dataset.id);
    if (this.#keyOnField(event, field)) event.preventDefault();
  }

  /** Nothing is armed, dragged or chosen any more; a field that was being dragged is back where it was. */
  #letGo() {
    this.#armed = null;
    this.#cancelCarry();
    this.#cancelDrag();
    this.#select(null);
    this.#render();
  }

  #keyOnField(event, field) {
    const box = nudge(field, event);
    if (box) this.#change({ ...field, ...box }, "moved");
    else if (event.key === "PageUp" || event.key === "PageDown") this.#turn(field, event.key === "PageUp" ? -1 : 1);
    else if (event.key === "Delete" || event.key === "Backspace") this.#remove();
    else if (event.key === "Enter" || event.key === " ") this.#edit();
    else return false;
    return true;
  }

  #turn(field, by) {
    if (!this.#figure(field.page + by)) return;
    this.#change({ ...field, page: field.page + by }, "moved");
    this.#spot(field.id)?.scrollIntoView({ block: "center" });
  }

  #focused(event) {
    const spot = event.target.closest(".spot");
    if (!spot || this.#selected === spot.dataset.id) return;
    this.#select(spot.dataset.id);
    this.#render();
  }

  // --- changing one field

  #change(changed, said) {
    this.#commit(this.fields.map((field) => (field.id === changed.id ? changed : field)));
    if (said) this.#announce(said, changed);
  }

  /** For whom the next fields are. The one just placed keeps its signer; that is changed in its sheet. */
  #chooseSigner() {
    this.#select(null);
    this.#render();
  }

  #edit() {
    const field = this.#field(this.#selected);
    if (!field || this.sheet.open) return;
    this.whoseInput.value = field.signer_id;
    this.labelInput.value = field.label;
    this.requiredInput.checked = field.required;
    this.sheet.returnValue = "";
    this.#editing = field.id;
    this.sheet.showModal();
  }

  /** A dialog tells of its closing a moment later: by then another field may be chosen, or none. */
  #edited() {
    const field = this.#field(this.#editing);
    if (!field) return;
    const [signer_id, label] = [this.whoseInput.value, this.labelInput.value.trim()];
    this.#change({ ...field, signer_id, label, required: this.requiredInput.checked });
    if (field.id !== this.#selected) return;
    this.signer.value = signer_id;
    this.#spot(field.id)?.focus({ preventScroll: true });
  }

  #remove() {
    const field = this.#field(this.#selected);
    if (!field) return;
    const order = inReadingOrder(this.fields);
    const at = order.findIndex(({ id }) => id === field.id);
    const next = order[at + 1] ?? order[at - 1];
    this.#select(null);
    this.#commit(this.fields.filter(({ id }) => id !== field.id));
    this.#announce("removed", field);
    if (next) this.#spot(next.id)?.focus({ preventScroll: true });
    else this.kinds[0].focus();
  }

  #step(way) {
    const before = this.fields;
    const after = this.#history[way]();
    if (after === before) return;
    if (!this.#field(this.#selected)) this.#select(null);
    this.said.textContent = (way === "undo" ? this.dataset.textUndone : this.dataset.textRedone) ?? "";
    this.#told();
  }

  #commit(fields) {
    const before = this.fields;
    this.#history.push(fields);
    if (this.fields === before) this.#render();
    else this.#told();
  }

  #told() {
    this.#render();
    this.autosave.touch(this.input.value);
    this.dispatchEvent(new CustomEvent("board-change", { bubbles: true, detail: { fields: this.fields } }));
  }

  #select(id) {
    this.#selected = id;
    const field = this.#field(id);
    if (field) this.signer.value = field.signer_id;
    if (id) this.#armed = null;
  }

  // --- looking up

  #field(id) {
    return this.fields.find((field) => field.id === id);
  }

  #figure(page) {
    return this.figures.find((figure) => Number(figure.dataset.page) === page);
  }

  #spot(id) {
    return this.querySelector(`.spot[data-id="${CSS.escape(id)}"]`);
  }

  #signerOf(field) {
    const index = this.signers.findIndex(({ id }) => id === field.signer_id);
    return { name: this.signers[index]?.name ?? "", colour: Math.max(0, index) % COLOURS };
  }

  // --- drawing

  #render() {
    const known = new Set(this.fields.map(({ id }) => id));
    this.querySelectorAll(".spot").forEach((spot) => known.has(spot.dataset.id) || spot.remove());
    for (const field of inReadingOrder(this.fields)) this.#draw(field);
    this.#inOrder();
    this.input.value = JSON.stringify(serialise(inReadingOrder(this.fields)));
    this.classList.toggle("armed", Boolean(this.#armed));
    for (const button of this.kinds) button.setAttribute("aria-pressed", String(button.dataset.kind === this.#armed));
    this.undoButton.disabled = !this.#history.canUndo;
    this.redoButton.disabled = !this.#history.canRedo;
    this.editButton.hidden = this.removeButton.hidden = !this.#selected;
    this.tools.dataset.colour = this.#signerOf({ signer_id: this.signer.value }).colour;
  }

  #draw(field) {
    const spot = this.#spot(field.id) ?? this.#makeSpot(field);
    const { name, colour } = this.#signerOf(field);
    const figure = this.#figure(field.page);
    if (spot.parentElement !== figure) figure?.append(spot);
    const selected = field.id === this.#selected;
    spot.className = `spot ${field.kind} placed${selected ? " selected" : ""}${field.required ? " required" : ""}`;
    spot.dataset.colour = colour;
    for (const [side, size] of [["left", "x"], ["top", "y"], ["width", "w"], ["height", "h"]]) {
      spot.style[side] = `${field[size] / 100}%`;
    }
    const kind = field.label || this.#text(field.kind);
    spot.querySelector(".what").textContent = field.kind === "checkbox" ? "" : `${kind} · ${name}`;
    const optional = field.required ? this.dataset.textRequired : this.dataset.textOptional;
    spot.setAttribute("aria-label", [kind, name, optional].filter(Boolean).join(", "));
  }

  #makeSpot(field) {
    const spot = made("div", "spot");
    spot.dataset.id = field.id;
    spot.tabIndex = 0;
    spot.setAttribute("role", "button");
    spot.setAttribute("aria-describedby", this.help.id);
    spot.append(made("span", "what"));
    for (const corner of CORNERS) {
      const handle = made("span", `handle ${corner}`);
      handle.dataset.corner = corner;
      spot.append(handle);
    }
    this.#figure(field.page)?.append(spot);
    return spot;
  }

  /** Tab goes through the fields in reading order: the elements stand in that order, moved only when they must be. */
  #inOrder() {
    for (const figure of this.figures) {
      const now = [...figure.querySelectorAll(":scope > .spot")];
      const wanted = inReadingOrder(this.#others(Number(figure.dataset.page))).map(({ id }) => this.#spot(id));
      if (now.every((spot, i) => spot === wanted[i])) continue;
      const focused = document.activeElement;
      figure.append(...wanted);
      if (focused?.matches?.(".spot") && focused !== document.activeElement) focused.focus({ preventScroll: true });
    }
  }

  #announce(what, field) {
    const { name } = this.#signerOf(field);
    const sentence = this.dataset[`text${what[0].toUpperCase()}${what.slice(1)}`];
    this.said.textContent = fill(sentence, {
      kind: field.label || this.#text(field.kind),
      signer: name,
      page: field.page,
      x: Math.round(field.x / 100),
      y: Math.round(field.y / 100),
    });
  }

  // --- saving

  #save(text) {
    const url = this.getAttribute("save-url");
    if (!url) return Promise.resolve();
    return request(url, { method: "POST", json: JSON.parse(text) });
  }

  /** A link that waits for the last change to be saved. When that fails it says so, and the next tap leaves anyway. */
  #followed(event) {
    const link = event.target.closest?.("[data-after-saving] a[href]");
    if (!link || event.defaultPrevented || !this.autosave.pending || this.state.dataset.state === "unsaved") return;
    event.preventDefault();
    if (this.goal) return;
    this.goal = link;
    link.setAttribute("aria-busy", "true");
    this.autosave.retry();
  }

  #arrive(state) {
    if (!this.goal || state === "saving") return;
    const link = this.goal;
    this.goal = null;
    link.removeAttribute("aria-busy");
    if (state === "saved") window.location.assign(link.href);
  }

  #leave() {
    if (this.sheet.open) this.#edited();
    if (!this.autosave.pending || !this.hasAttribute("save-url")) return;
    this.autosave.stop();
    keep(sessionStorage, this.#leftKey, { fields: this.input.value }, Date.now(), LEFT_CHARACTERS);
    const json = JSON.parse(this.input.value);
    request(this.getAttribute("save-url"), { method: "POST", json, keepalive: true }).catch(() => {
      // The page is going away; what could not be saved is taken up when it comes back.
    });
  }

  get #leftKey() {
    return `board ${this.getAttribute("save-url")}`;
  }

  /** What this tab left unsaved a moment ago, by a reload, is newer than what the house sent. */
  #takeUp() {
    const { fields } = kept(sessionStorage, this.#leftKey, Date.now(), LEFT_MS);
    forget([sessionStorage], this.#leftKey);
    if (!fields) return;
    const known = new Set(this.signers.map(({ id }) => id));
    this.#commit(serialise(JSON.parse(fields)).filter(({ signer_id, page }) => known.has(signer_id) && this.#figure(page)));
  }

  #showState(state, error) {
    const words = { saved: this.dataset.textSaved, saving: this.dataset.textSaving, unsaved: this.dataset.textUnsaved };
    this.state.textContent = (state === "unsaved" && error instanceof Refused && error.words) || words[state] || "";
    this.state.dataset.state = state;
    this.retry.hidden = state !== "unsaved";
    this.#arrive(state);
    this.dispatchEvent(new CustomEvent("board-saved", { bubbles: true, detail: { state } }));
  }
}

function made(tag, className = "", text = "") {
  return Object.assign(document.createElement(tag), { className, textContent: text ?? "" });
}

/** Where on a page a pointer is. */
function pointOn(figure, { clientX, clientY }) {
  const box = figure.getBoundingClientRect();
  return { x: ((clientX - box.left) / box.width) * FULL, y: ((clientY - box.top) / box.height) * FULL };
}

/** An id that the browser makes; the server checks its shape and that it is free. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return `f${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

customElements.define("field-board", FieldBoard);
