/**
 * <photo-capture>: a photograph of a document by this device's camera, or a file, put into the form's own file field.
 *
 *   <form method="post" enctype="multipart/form-data" action="…"><photo-capture shape="card">
 *     <script type="application/json">{"open": "Use the camera", …}</script>
 *     <label>… <input type="file" name="photo" accept="image/jpeg,image/png,image/webp,image/heic" capture="environment"></label>
 *   </photo-capture><button>Continue</button></form>   (the macro `photo_capture` of pages/capture.html writes the inside)
 *
 * With a camera there is a button: it opens a viewfinder with a frame in the document's proportion, which says before
 * anything is sent what would make it unreadable (too dark, glare, too far, blurred). The picture is looked at, then cut to
 * the frame and a margin, made a JPEG of at most 2400 pixels, put into the field, and the form is submitted. A chosen
 * file is made smaller in the same way where the browser can read it, and waits for the form's button. A camera that is
 * refused or missing is said; the field stays.
 *
 * Attributes: shape (card: ID-1; passport: TD3; page: A4).
 * Events: photo-taken {width, height} after the field has got its file.
 */

import { DOCUMENT, fitted, problem, within } from "../lib/camera.js";
import { hint, luminance } from "../lib/sight.js";

const LONGEST_PIXELS = 2400;
const JPEG_QUALITY = 0.9;
const MARGIN = 0.04;
const SMALL_WIDTH = 160;
const NEAR_WIDTH = 480;
const LOOK_EVERY_MS = 400;
const SHAPES = new Set(["card", "passport", "page"]);

class PhotoCapture extends HTMLElement {
  #stream = null;
  #timer = null;
  #taken = null;

  connectedCallback() {
    if (this.dialog) return;
    this.form = this.closest("form");
    this.input = this.querySelector("input[type=file]");
    this.words = JSON.parse(this.querySelector("script[type='application/json']").textContent);
    this.input.addEventListener("change", (event) => event.isTrusted && this.#chosen());
    this.alert = made("p", "notice warn", { role: "alert", hidden: true });
    this.append(this.alert);
    if (!navigator.mediaDevices?.getUserMedia) return;
    this.dialog = this.#build();
    this.opener = made("button", "button primary block", { type: "button", textContent: this.words.open });
    this.opener.addEventListener("click", () => this.#open());
    this.prepend(this.opener);
    this.input.removeAttribute("capture"); // the camera has its own button; this one is for pictures that exist
  }

  disconnectedCallback() {
    this.#end();
  }

  #build() {
    const dialog = made("dialog", "capture photo", { ariaLabel: this.words.title });
    const shape = this.getAttribute("shape");
    dialog.dataset.shape = SHAPES.has(shape) ? shape : "card";
    dialog.innerHTML = `
      <video playsinline muted aria-hidden="true"></video><div class="guide" aria-hidden="true"></div><img class="taken" alt="" hidden>
      <p class="hint" role="status"></p>
      <div class="choices finding"><button type="button" class="button" data-close></button>
        <button type="button" class="shutter" data-shoot><span aria-hidden="true"></span></button>
        <button type="button" class="button" data-torch aria-pressed="false" hidden></button></div>
      <div class="choices looking" hidden><button type="button" class="button" data-again></button>
        <button type="button" class="button primary" data-use></button></div>`;
    for (const name of ["close", "torch", "again", "use"]) part(dialog, name).textContent = this.words[name];
    part(dialog, "shoot").setAttribute("aria-label", this.words.shoot);
    for (const name of ["video", "img", ".guide", ".hint", ".finding", ".looking"]) this[name.replace(".", "")] = dialog.querySelector(name);
    part(dialog, "close").addEventListener("click", () => this.#close());
    part(dialog, "shoot").addEventListener("click", () => this.#shoot());
    part(dialog, "torch").addEventListener("click", (event) => this.#light(event.currentTarget));
    part(dialog, "again").addEventListener("click", () => this.#find());
    part(dialog, "use").addEventListener("click", () => this.#use());
    dialog.addEventListener("cancel", () => this.#close());
    dialog.addEventListener("close", () => this.#end());
    this.append(dialog);
    return dialog;
  }

  // --- finding

  async #open() {
    this.alert.hidden = true;
    this.opener.setAttribute("aria-busy", "true");
    try {
      const stream = await navigator.mediaDevices.getUserMedia(DOCUMENT);
      if (!this.isConnected) return void stream.getTracks().forEach((track) => track.stop());
      this.#stream = stream;
      stream.getVideoTracks()[0].addEventListener("ended", () => this.#lost());
      this.video.srcObject = stream;
      this.dialog.showModal();
      await this.video.play();
      this.#find();
    } catch (error) {
      this.#close();
      this.#tell(problem(error));
    } finally {
      this.opener.removeAttribute("aria-busy");
    }
  }

  #lost() {
    if (!this.dialog.open) return;
    this.#close();
    this.#tell("busy");
  }

  #tell(why) {
    this.alert.textContent = this.words[why] ?? this.words.failed;
    this.alert.hidden = false;
    this.input.focus();
  }

  #find() {
    this.#drop();
    this.finding.hidden = false;
    this.looking.hidden = true;
    this.video.hidden = this.guide.hidden = false;
    this.hint.textContent = this.words.place;
    const torch = part(this.dialog, "torch");
    torch.hidden = !this.#stream?.getVideoTracks()[0].getCapabilities?.().torch;
    part(this.dialog, "shoot").focus();
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  #look() {
    const where = this.#inFrame(0);
    if (!where) return;
    const word = hint(small(this.video, where), near(this.video, where));
    const said = this.words[word] ?? this.words.good;
    if (this.hint.textContent !== said) this.hint.textContent = said;
    this.guide.classList.toggle("good", !word);
  }

  /** What lies in the frame, in the camera's pixels. */
  #inFrame(margin) {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (!width || document.hidden) return null;
    return within({ width, height }, this.video.getBoundingClientRect(), this.guide.getBoundingClientRect(), margin);
  }

  async #light(button) {
    const on = button.getAttribute("aria-pressed") !== "true";
    try {
      await this.#stream.getVideoTracks()[0].applyConstraints({ advanced: [{ torch: on }] });
      button.setAttribute("aria-pressed", String(on));
    } catch {
      button.hidden = true;
    }
  }

  // --- looking at what was taken

  async #shoot() {
    const where = this.#inFrame(MARGIN);
    if (!where) return;
    clearInterval(this.#timer);
    const inside = this.#inFrame(0);
    const word = hint(small(this.video, inside), near(this.video, inside));
    const blob = await jpeg(this.video, where);
    if (!blob || !this.dialog.open) return;
    this.#taken = { blob, url: URL.createObjectURL(blob) };
    this.img.src = this.#taken.url;
    this.img.alt = this.words.taken;
    this.img.hidden = this.looking.hidden = false;
    this.video.hidden = this.guide.hidden = this.finding.hidden = true;
    this.hint.textContent = word ? `${this.words[word]} ${this.words.unsure}` : this.words.check;
    part(this.dialog, word ? "again" : "use").focus();
  }

  #drop() {
    if (this.#taken) URL.revokeObjectURL(this.#taken.url);
    this.#taken = null;
    this.img.removeAttribute("src");
    this.img.hidden = true;
  }

  async #use() {
    const { blob } = this.#taken;
    await this.#fill(blob);
    this.#close();
    this.form.requestSubmit();
  }

  async #fill(blob) {
    const files = new DataTransfer();
    files.items.add(new File([blob], "photo.jpg", { type: "image/jpeg" }));
    this.input.files = files.files;
    const { width, height } = await createImageBitmap(blob);
    this.dispatchEvent(new CustomEvent("photo-taken", { bubbles: true, detail: { width, height } }));
  }

  #close() {
    this.#end();
    if (this.dialog.open) this.dialog.close();
  }

  #end() {
    clearInterval(this.#timer);
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    if (this.dialog) this.#drop();
  }

  // --- a file

  async #chosen() {
    const [file] = this.input.files;
    this.alert.hidden = true;
    if (!file) return;
    try {
      const picture = await createImageBitmap(file);
      const { width, height } = picture;
      const word = hint(small(picture, { x: 0, y: 0, width, height }), near(picture, { x: 0, y: 0, width, height }));
      const blob = await jpeg(picture, { x: 0, y: 0, width, height });
      if (this.input.files[0] !== file || !blob) return;
      await this.#fill(blob);
      if (word && word !== "far") this.#tell(word);
    } catch {
      // A picture that this browser cannot read: the server may be able to, and says so if not.
    }
  }
}

// --- pixels

function drawn(source, { x, y, width, height }, size) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, size);
  canvas.getContext("2d", { willReadFrequently: true }).drawImage(source, x, y, width, height, 0, 0, size.width, size.height);
  return canvas;
}

function read(source, where, size) {
  const canvas = drawn(source, where, size);
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return luminance(data, canvas.width, canvas.height);
}

function small(source, where) {
  return read(source, where, { width: SMALL_WIDTH, height: Math.max(1, Math.round((SMALL_WIDTH * where.height) / where.width)) });
}

/** The middle, as fine as the picture that would be sent: what blur does is lost in a smaller one. */
function near(source, where) {
  const scale = fitted(where, LONGEST_PIXELS).width / where.width;
  const width = Math.min(where.width, NEAR_WIDTH / scale);
  const height = Math.min(where.height, (NEAR_WIDTH * 0.6) / scale);
  const middle = { x: where.x + (where.width - width) / 2, y: where.y + (where.height - height) / 2, width, height };
  return read(source, middle, { width: Math.round(width * scale), height: Math.round(height * scale) });
}

function jpeg(source, where) {
  const canvas = drawn(source, where, fitted(where, LONGEST_PIXELS));
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", JPEG_QUALITY));
}

// --- parts

function made(tag, className, more) {
  return Object.assign(document.createElement(tag), { className, ...more });
}

function part(dialog, name) {
  return dialog.querySelector(`[data-${name}]`);
}

customElements.define("photo-capture", PhotoCapture);
