/**
 * <field-guide>: leads a signer from field to field: on the page above, and in the form below.
 *
 * Wraps, in reading order, <div class="field" data-field="ID" data-kind="text" [data-required]> with normal inputs. A
 * signature's wrapper may hold a <mark-chooser>. Values are mirrored onto the pages of the <page-reader>.
 * Attributes: pages (id of the <page-reader>), data-text-progress ("{done} of {total} filled"), data-text-next,
 *   data-text-done (said when nothing is left), next (id of a server-made button to use instead of one made here),
 *   mark-fields (ids of fields that show the chosen mark, separated by spaces: one mark serves all of them), store
 *   (localStorage key: what was typed survives a reload, another language and the back button), data-text-kept.
 * While something is missing, the next button is the only primary one and the form's own button waits unseen; Enter in a
 * field goes on to the next one and never sends. An address ending in #fill-ID begins at that field.
 * Events: guide-change {done, total, left}.
 */

import { progress } from "../lib/guide.js";
import { keep, kept } from "../lib/keeping.js";
import { fill } from "../lib/words.js";

class FieldGuide extends HTMLElement {
  #stop = new AbortController();
  #here = null;

  connectedCallback() {
    this.#stop = new AbortController();
    if (!this.bar) {
      this.#build();
      this.#restore();
    }
    const { signal } = this.#stop;
    for (const kind of ["input", "change"]) this.addEventListener(kind, () => this.#edited(), { signal });
    this.addEventListener("keydown", (event) => this.#key(event), { signal });
    this.addEventListener("focusin", (event) => this.#entered(event), { signal });
    this.addEventListener("mark-change", (event) => this.#marked(event), { signal });
    document.addEventListener("field-open", (event) => this.#open(event.detail.id), { signal });
    window.addEventListener("hashchange", () => this.#begin(), { signal });
    customElements.whenDefined("page-reader").then(() => {
      this.#refresh();
      this.querySelector("mark-chooser")?.announce?.();
      this.#begin();
    });
  }

  /** The field that the address names, or the one that was refused. */
  #begin() {
    const goal = window.location.hash.match(/^#fill-(\w+)$/)?.[1];
    const refused = this.querySelector("[aria-invalid=true]")?.closest("[data-field]")?.dataset.field;
    if (goal) window.history.replaceState(null, "", window.location.pathname + window.location.search);
    if (refused ?? goal) this.#open(refused ?? goal);
  }

  disconnectedCallback() {
    this.#stop.abort();
  }

  get #reader() {
    return document.getElementById(this.getAttribute("pages"));
  }

  #build() {
    this.bar = document.createElement("div");
    this.bar.className = "guide-bar";
    this.said = document.createElement("p");
    this.said.setAttribute("role", "status");
    this.meter = document.createElement("progress");
    this.meter.setAttribute("aria-hidden", "true");
    this.button = document.getElementById(this.getAttribute("next")) ?? this.#nextButton();
    this.button.addEventListener("click", () => this.#next());
    this.bar.append(this.said, this.meter);
    if (!this.button.isConnected) this.bar.append(this.button);
    this.prepend(this.bar);
  }

  // --- what was typed, kept on this device until it has been sent

  #inputs() {
    return [...this.querySelectorAll("input[name]:not([type=hidden]), textarea[name], select[name]")];
  }

  #restore() {
    if (!this.hasAttribute("store")) return;
    const values = kept(localStorage, this.getAttribute("store"), Date.now());
    const before = this.#inputs().map((input) => input.value + input.checked);
    for (const input of this.#inputs()) {
      if (input.type === "checkbox") input.checked = values[input.name] ?? input.checked;
      else if (input.type === "radio") input.checked ||= input.value !== "" && values[input.name] === input.dataset.which;
      else input.value = values[input.name] ?? input.value;
    }
    if (this.#inputs().every((input, i) => input.value + input.checked === before[i])) return;
    this.bar.append(Object.assign(document.createElement("p"), { className: "kept small", textContent: this.dataset.textKept ?? "" }));
  }

  #keep() {
    if (!this.hasAttribute("store")) return;
    const values = {};
    for (const input of this.#inputs()) {
      if (input.type === "checkbox") values[input.name] = input.checked;
      else if (input.type !== "radio") values[input.name] = input.value;
      else if (input.checked) values[input.name] = input.dataset.which;
    }
    keep(localStorage, this.getAttribute("store"), values, Date.now());
  }

  #edited() {
    this.#keep();
    this.#refresh();
  }

  #key(event) {
    const { target } = event;
    if (event.key !== "Enter" || event.isComposing || !target.matches("[data-field] input")) return;
    if (target.type === "radio") return;
    event.preventDefault();
    if (this.button.hidden) this.#agree?.focus();
    else this.#next();
  }

  get #agree() {
    return this.closest("form")?.querySelector(".actions button:not([type=button])");
  }

  #nextButton() {
    const button = document.createElement("button");
    return Object.assign(button, { type: "button", className: "button", textContent: this.dataset.textNext ?? "" });
  }

  #wrappers() {
    return [...this.querySelectorAll("[data-field]")];
  }

  #fields() {
    return this.#wrappers().map((wrapper) => ({
      id: wrapper.dataset.field,
      required: "required" in wrapper.dataset || wrapper.dataset.kind === "signature",
      filled: isFilled(wrapper),
    }));
  }

  #refresh() {
    const { done, total, left } = progress(this.#fields());
    this.said.textContent = left ? fill(this.dataset.textProgress, { done, total, left }) : (this.dataset.textDone ?? "");
    Object.assign(this.meter, { max: Math.max(1, total), value: total ? done : 1 });
    this.button.hidden = left === 0;
    if (this.#agree && this.button.closest(".actions")) this.#agree.hidden = left > 0;
    for (const wrapper of this.#wrappers()) this.#mirror(wrapper);
    this.dispatchEvent(new CustomEvent("guide-change", { bubbles: true, detail: { done, total, left } }));
  }

  #mirror(wrapper) {
    const { field, kind } = wrapper.dataset;
    wrapper.classList.toggle("done", isFilled(wrapper));
    if (kind === "signature") return;
    const input = wrapper.querySelector("input, textarea, select");
    const text = input?.type === "checkbox" ? (input.checked ? "✓" : "") : (input?.value ?? "");
    this.#reader?.show?.(field, { text });
  }

  #marked(event) {
    const ids = (this.getAttribute("mark-fields") ?? "").split(/\s+/).filter(Boolean);
    for (const id of ids) this.#reader?.show?.(id, { picture: event.detail.picture });
    this.#refresh();
  }

  #entered(event) {
    const wrapper = event.target.closest("[data-field]");
    if (wrapper) this.#here = wrapper.dataset.field;
  }

  #next() {
    const id = progress(this.#fields()).next(this.#here);
    if (id) this.#open(id);
  }

  #open(id) {
    const wrapper = this.querySelector(`[data-field="${CSS.escape(id)}"]`) ?? this.#markWrapper(id);
    if (!wrapper) return;
    this.#here = wrapper.dataset.field;
    this.#reader?.reveal?.(id);
    this.#dock(wrapper);
    wrapper.querySelector("input:checked, input:not([type=hidden]), textarea, select, button")?.focus({
      preventScroll: wrapper.classList.contains("docked"),
    });
  }

  #markWrapper(id) {
    const marks = (this.getAttribute("mark-fields") ?? "").split(/\s+/);
    return marks.includes(id) ? this.querySelector('[data-kind="signature"]') : null;
  }

  /** Holds a small field at the foot of the screen while it is filled, so that its place on the page stays in sight. */
  #dock(wrapper) {
    this.querySelectorAll(".docked").forEach((other) => other.classList.remove("docked"));
    if (wrapper.dataset.kind === "signature" || !this.#reader) return;
    wrapper.classList.add("docked");
    const actions = this.querySelector(".actions");
    wrapper.style.setProperty("--dock", `${actions ? actions.offsetHeight : 0}px`);
    const leave = (event) => {
      if (wrapper.contains(event.relatedTarget) || event.relatedTarget === this.button) return;
      wrapper.classList.remove("docked");
      wrapper.removeEventListener("focusout", leave);
    };
    wrapper.addEventListener("focusout", leave);
  }
}

/** Whether a wrapper's inputs say something. */
function isFilled(wrapper) {
  const inputs = [...wrapper.querySelectorAll("input, textarea, select")];
  const radios = inputs.filter((input) => input.type === "radio");
  if (radios.length) return radios.some((radio) => radio.checked && radio.value !== "");
  return inputs.length > 0 && inputs.every((input) => (input.type === "checkbox" ? input.checked : input.value.trim()));
}

customElements.define("field-guide", FieldGuide);
