/**
 * <drop-zone>: a file field one can drop on, that checks size and kind before sending and shows how far it is.
 *
 *   <form method="post" enctype="multipart/form-data" action="…"><drop-zone max-bytes="…">
 *     <label class="drop">… <input type="file" name="file" accept="application/pdf"></label></drop-zone>
 *     <button class="button primary">Upload</button></form>
 *
 * Attributes: max-bytes, auto (send as soon as a file is chosen), data-text-too-large, data-text-wrong-kind,
 *   data-text-progress ("{percent} % sent"), data-text-reading (all is sent, the server works), data-text-failed.
 * Sent by XMLHttpRequest for its progress, with Accept: application/json; the answer is {"location"}, or {"message"} with
 * an error status; a redirect is followed too. Without scripts it is an ordinary upload.
 */

import { fill } from "../lib/words.js";

class DropZone extends HTMLElement {
  connectedCallback() {
    if (this.said) return;
    this.input = this.querySelector("input[type=file]");
    this.form = this.closest("form");
    this.#build();
    this.input.addEventListener("change", () => this.#chosen());
    this.form.addEventListener("submit", (event) => this.#submitted(event));
    for (const kind of ["dragenter", "dragover"]) this.addEventListener(kind, (event) => this.#over(event, true));
    for (const kind of ["dragleave", "drop"]) this.addEventListener(kind, (event) => this.#over(event, false));
    this.addEventListener("drop", (event) => this.#dropped(event));
    if (this.input.files.length) this.#chosen(); // chosen while this script was still on its way
  }

  #build() {
    this.said = document.createElement("p");
    this.said.className = "drop-said";
    this.said.setAttribute("role", "status");
    this.alert = document.createElement("p");
    this.alert.className = "notice error";
    this.alert.setAttribute("role", "alert");
    this.alert.hidden = true;
    this.meter = document.createElement("progress");
    this.meter.max = 1;
    this.meter.hidden = true;
    this.meter.setAttribute("aria-hidden", "true");
    this.append(this.said, this.meter, this.alert);
  }

  #over(event, over) {
    event.preventDefault();
    this.classList.toggle("over", over);
  }

  #dropped(event) {
    if (!event.dataTransfer?.files.length) return;
    this.input.files = event.dataTransfer.files;
    this.#chosen();
  }

  #chosen() {
    const files = [...this.input.files];
    this.alert.hidden = true;
    this.said.textContent = files.map((file) => file.name).join(" · ");
    if (!files.length || !this.#acceptable(files)) return;
    if (this.hasAttribute("auto")) this.form.requestSubmit();
  }

  #acceptable(files) {
    const most = Number(this.getAttribute("max-bytes") ?? Infinity);
    const size = files.reduce((sum, file) => sum + file.size, 0);
    if (size > most) return this.#refuse(this.dataset.textTooLarge);
    if (!files.every((file) => acceptedBy(this.input.accept, file))) return this.#refuse(this.dataset.textWrongKind);
    return true;
  }

  #refuse(words) {
    this.input.value = "";
    this.said.textContent = "";
    return this.#fail(words);
  }

  #fail(words) {
    this.meter.hidden = true;
    this.alert.textContent = words || this.dataset.textFailed || "";
    this.alert.hidden = false;
    this.#setBusy(false);
    return false;
  }

  #setBusy(busy) {
    const button = this.form.querySelector("[type=submit], button:not([type=button])");
    button?.setAttribute("aria-busy", String(busy));
    if (button) button.disabled = busy;
  }

  #submitted(event) {
    if (!this.input.files.length) return;
    event.preventDefault();
    this.alert.hidden = true;
    this.meter.hidden = false;
    this.#send(new FormData(this.form));
    this.#setBusy(true);
  }

  #send(body) {
    const sending = new XMLHttpRequest();
    sending.upload.addEventListener("progress", (event) => event.lengthComputable && this.#sent(event));
    sending.addEventListener("load", () => this.#answered(sending));
    sending.addEventListener("error", () => this.#fail());
    sending.open("POST", this.form.action);
    sending.setRequestHeader("Accept", "application/json");
    sending.send(body);
  }

  #sent({ loaded, total }) {
    this.meter.value = loaded / total;
    const percent = Math.floor((loaded / total) * 100);
    this.said.textContent =
      loaded < total ? fill(this.dataset.textProgress, { percent }) : (this.dataset.textReading ?? "");
  }

  #answered(sending) {
    const told = read(sending.responseText);
    if (sending.status >= 400 || sending.status === 0) return this.#fail(told.message);
    window.location.assign(told.location ?? sending.responseURL);
    return undefined;
  }
}

/** Whether a file fits an accept list of types ("application/pdf", "image/*") and name endings (".pdf"). */
function acceptedBy(accept, file) {
  const kinds = accept.split(",").map((kind) => kind.trim().toLowerCase()).filter(Boolean);
  if (!kinds.length) return true;
  const name = file.name.toLowerCase();
  return kinds.some((kind) => {
    if (kind.startsWith(".")) return name.endsWith(kind);
    if (kind.endsWith("/*")) return file.type.startsWith(kind.slice(0, -1));
    return file.type === kind || (!file.type && kind === "application/pdf" && name.endsWith(".pdf"));
  });
}

function read(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

customElements.define("drop-zone", DropZone);
