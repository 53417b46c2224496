/**
 * <mark-chooser>: how my mark shall look: my name in a handwriting face, the mark I saved, or a new drawing.
 *
 * Wraps radio buttons named `mark` whose values are the mark's JSON, so the plain form works without scripts:
 *   <label class="choice"><input type="radio" name="mark" value='{"kind":"typed","face":"auto"}' checked>
 *     <img class="mark" src="….svg" alt="…"></label>
 *   <label class="choice" data-draw hidden><input type="radio" name="mark" value=""> <span>Draw it</span></label>
 * The element shows the `data-draw` choice, opens an <ink-pad> in a full-screen sheet and puts the drawn mark's JSON
 * into that radio's value.
 * Attributes: store (sessionStorage key for the drawing); data-text-title, -label, -hint, -undo, -clear, -dot (the
 *   pad's), -done, -cancel, -again (button that opens the pad once more), -missing (drawing chosen but not drawn),
 *   -preview (alternative text of the drawn mark's picture).
 * Events: mark-change {value, picture}: picture is an image's address for previews on the page.
 */

import "./ink-pad.js";

class MarkChooser extends HTMLElement {
  connectedCallback() {
    this.choice = this.querySelector("[data-draw]");
    this.radio = this.choice?.querySelector("input");
    if (this.radio && !this.sheet) this.#build();
    this.addEventListener("change", () => this.announce());
    if (this.radio && !this.pad.empty) this.#keep();
    queueMicrotask(() => this.announce());
  }

  #build() {
    this.choice.hidden = false;
    this.#buildSheet();
    this.preview = document.createElement("img");
    this.preview.className = "mark";
    this.preview.hidden = true;
    this.preview.alt = this.dataset.textPreview ?? "";
    this.again = button("button", this.dataset.textAgain, () => this.#open());
    this.again.hidden = true;
    this.choice.append(this.preview);
    this.choice.after(this.again);
    this.choice.addEventListener("click", (event) => event.detail > 0 && !this.radio.value && this.#open());
    this.radio.addEventListener("keydown", (event) => event.key === "Enter" && this.#openInstead(event));
  }

  #buildSheet() {
    const text = this.dataset;
    this.sheet = document.createElement("dialog");
    this.sheet.className = "sheet pad-sheet";
    this.sheet.setAttribute("aria-label", text.textTitle ?? "");
    this.pad = document.createElement("ink-pad");
    for (const name of ["Label", "Hint", "Undo", "Clear", "Dot"]) {
      if (text[`text${name}`]) this.pad.dataset[`text${name}`] = text[`text${name}`];
    }
    if (this.hasAttribute("store")) this.pad.setAttribute("store", this.getAttribute("store"));
    const title = document.createElement("h2");
    title.textContent = text.textTitle ?? "";
    this.done = button("button primary", text.textDone, () => this.#finish());
    const choices = document.createElement("div");
    choices.className = "choices";
    choices.append(button("button quiet", text.textCancel, () => this.sheet.close()), this.done);
    this.sheet.append(title, this.pad, choices);
    this.append(this.sheet);
    this.pad.addEventListener("ink-change", (event) => (this.done.disabled = !event.detail.value));
    this.done.disabled = !this.pad.value;
    this.sheet.addEventListener("close", () => this.#closed());
  }

  #openInstead(event) {
    event.preventDefault();
    this.#open();
  }

  #open() {
    this.before = this.querySelector("input[type=radio]:checked:not([data-draw] *)") ?? this.before;
    this.radio.checked = true;
    this.sheet.showModal();
  }

  #finish() {
    this.#keep();
    this.sheet.close();
  }

  #keep() {
    if (!this.pad.value) return;
    this.radio.value = this.pad.value;
    this.preview.src = this.pad.picture(480, 160);
    this.preview.hidden = false;
    this.choice.querySelector("span")?.classList.add("visually-hidden");
  }

  #closed() {
    if (!this.radio.value) (this.before ?? this.querySelector("input[type=radio]:not([data-draw] *)"))?.click();
    this.dispatchEvent(new Event("change", { bubbles: true }));
    this.querySelector("input[type=radio]:checked")?.focus();
  }

  /** Tells which mark is chosen, also to those who came too late to hear it. */
  announce() {
    const chosen = this.querySelector("input[type=radio]:checked");
    if (this.radio) {
      const drawing = chosen === this.radio;
      this.again.hidden = !drawing;
      this.radio.setCustomValidity(drawing && !this.radio.value ? (this.dataset.textMissing ?? " ") : "");
    }
    const picture = chosen?.closest("label")?.querySelector("img")?.src ?? "";
    const detail = { value: chosen?.value ?? "", picture };
    this.dispatchEvent(new CustomEvent("mark-change", { bubbles: true, detail }));
  }
}

function button(className, text, act) {
  const made = document.createElement("button");
  Object.assign(made, { type: "button", className, textContent: text ?? "" });
  made.addEventListener("click", act);
  return made;
}

customElements.define("mark-chooser", MarkChooser);
