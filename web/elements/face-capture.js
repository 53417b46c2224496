/**
 * <face-capture>: records a selfie video that answers a fresh challenge, uploads it, and submits the form it stands in.
 *
 *   <form method="post" action="…"><face-capture ask="URL" otherwise="id">
 *     <script type="application/json">{"look": "Look straight at the camera", …}</script>
 *     <input type="checkbox" data-choice="calm"> … <button type="button" data-begin>Start the camera</button>
 *   </face-capture></form>                             (the macro `face_capture` of pages/capture.html writes all of it)
 *
 * 1. On the tap: the camera opens (no microphone), and a worker brings a face finder that says "closer", "hold still". It
 *    may fail or be slow: then the person says when to begin. 2. POST to `ask` with colours=yes|no and pace=normal|slow
 *    answers {id, challenge, expires_in, upload}. 3. Recording: each cue at its time, as large words with an arrow, in a
 *    live region, spoken if chosen; the screen shines in the challenge's colours. 4. Upload in pieces (lib/upload.js),
 *    from memory, until the server has all of it. 5. Hidden inputs `challenge` and `mime` are set, the form is submitted.
 *
 * Leaving the page, a call, or a lost camera ends the recording; starting again asks for a new challenge.
 * Choices (checkboxes with data-choice): calm (no colours; chosen beforehand where the system asks for reduced motion),
 *   slow (more time for each movement), aloud (cues are spoken).
 * Attributes: ask; otherwise (id of the other way, shown when this one cannot be used).
 * Events: face-capture {phase}: aiming, asking, recording, sending, sent, stopped, closed. data-phase says the same.
 */

import { FACE, RECORDING_BITS_PER_SECOND, problem, recordingType, within } from "../lib/camera.js";
import { Calm, advice } from "../lib/facing.js";
import { css, moment } from "../lib/gestures.js";
import { Refused, Unreachable, requestJson } from "../lib/net.js";
import { luminance, mean } from "../lib/sight.js";
import { send } from "../lib/upload.js";
import { fill } from "../lib/words.js";

const GUIDE_PATIENCE_MS = 6000;
const LOOK_EVERY_MS = 200;
const LOOK_WIDTH = 240;
const CHUNK_MS = 500;
const BUZZ_MS = 80;
const INTERRUPTIBLE = new Set(["opening", "aiming", "asking", "recording"]);

const HEAD = '<circle cx="24" cy="24" r="20"/>';
const OPEN_EYES = '<path d="M16 19v2M32 19v2"/>';
const SHUT_EYES = '<path d="M13 20q3 3 6 0M29 20q3 3 6 0"/>';
const drawing = (inside) => `<svg viewBox="0 0 48 48">${inside}</svg>`;
const SIGNS = {
  turn_left: drawing('<path d="M42 24H8M20 10 6 24l14 14"/>'),
  turn_right: drawing('<path d="M6 24h34M28 10l14 14-14 14"/>'),
  open_mouth: drawing(`${HEAD}${OPEN_EYES}<ellipse cx="24" cy="32" rx="5" ry="6"/>`),
  close_eyes: drawing(`${HEAD}${SHUT_EYES}<path d="M19 33h10"/>`),
  blink_twice: drawing(`${HEAD}${SHUT_EYES}<text x="24" y="38" font-size="14" text-anchor="middle">2×</text>`),
};

class FaceCapture extends HTMLElement {
  #phase = "";
  #stop = new AbortController();
  #stream = null;
  #watcher = null;

  connectedCallback() {
    this.form = this.closest("form");
    this.words = JSON.parse(this.querySelector("script[type='application/json']").textContent);
    this.opener = this.querySelector("[data-begin]");
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) this.#choice("calm").checked = true;
    if (!navigator.mediaDevices?.getUserMedia || !recordingType(canRecord)) {
      this.#giveUp("unsupported");
      return;
    }
    this.dialog ??= this.#build();
    this.opener.onclick = () => this.#start();
    this.opener.hidden = false;
    document.addEventListener("visibilitychange", this.#left);
    window.addEventListener("pageshow", this.#back);
    this.form.addEventListener("htmx:afterRequest", this.#answered);
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.#left);
    window.removeEventListener("pageshow", this.#back);
    this.form?.removeEventListener("htmx:afterRequest", this.#answered);
    this.#end();
  }

  #choice(name) {
    return this.querySelector(`[data-choice="${name}"]`) ?? document.createElement("input");
  }

  // --- the screen

  #build() {
    const dialog = document.createElement("dialog");
    dialog.className = "capture face";
    dialog.setAttribute("aria-label", this.words.title);
    dialog.innerHTML = `
      <div class="cue"><span class="sign" aria-hidden="true"></span><p aria-live="assertive" aria-atomic="true"></p></div>
      <div class="stage"><video playsinline muted aria-hidden="true"></video>
        <svg viewBox="0 0 300 400" aria-hidden="true"><g transform="rotate(-90 150 200)">
          <ellipse class="ring" cx="150" cy="200" rx="186" ry="129"/><ellipse class="done" cx="150" cy="200" rx="186" ry="129" pathLength="1"/></g></svg></div>
      <p class="hint" role="status"></p>
      <progress max="1" hidden></progress>
      <p class="notice error" role="alert" hidden></p>
      <div class="choices"><button type="button" class="button" data-close></button>
        <button type="button" class="button primary" data-go></button></div>`;
    this.cue = dialog.querySelector(".cue p");
    this.sign = dialog.querySelector(".sign");
    this.stage = dialog.querySelector(".stage");
    this.video = dialog.querySelector("video");
    this.ring = dialog.querySelector(".done");
    this.hint = dialog.querySelector(".hint");
    this.meter = dialog.querySelector("progress");
    this.meter.setAttribute("aria-label", this.words.sending);
    this.alert = dialog.querySelector("[role=alert]");
    this.go = dialog.querySelector("[data-go]");
    const close = dialog.querySelector("[data-close]");
    close.textContent = this.words.cancel;
    close.addEventListener("click", () => this.#close());
    dialog.addEventListener("cancel", () => this.#close());
    this.go.addEventListener("click", () => (this.#phase === "stopped" ? this.#start() : this.#ready()));
    this.append(dialog);
    return dialog;
  }

  #enter(phase) {
    this.#phase = phase;
    this.dataset.phase = phase;
    this.dispatchEvent(new CustomEvent("face-capture", { bubbles: true, detail: { phase } }));
  }

  #say(words, action = "") {
    this.cue.textContent = words;
    this.sign.innerHTML = SIGNS[action] ?? "";
  }

  #close() {
    this.#end();
    this.dialog.close();
    this.#enter("closed");
  }

  /** Camera, recorder, requests, worker and voice: nothing goes on. */
  #end() {
    this.#stop.abort(new DOMException("ended", "AbortError"));
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.#watcher?.terminate();
    this.#watcher = null;
    window.speechSynthesis?.cancel();
  }

  /** Something went wrong: it is said, and one button starts anew. */
  #fail(why, words = "") {
    this.#end();
    this.#enter("stopped");
    this.#dress("");
    this.#say(this.words.stopped);
    this.hint.textContent = "";
    this.meter.hidden = true;
    this.alert.textContent = words || this.words[why] || this.words.failed;
    this.alert.hidden = false;
    this.go.textContent = this.words.again;
    this.go.hidden = false;
    this.go.focus();
    if (why !== "interrupted") this.#showOtherWay();
  }

  #giveUp(why) {
    this.opener.hidden = true;
    const said = document.createElement("p");
    said.className = "notice warn";
    said.textContent = this.words[why];
    this.append(said);
    this.#showOtherWay();
    this.#enter("stopped");
  }

  #showOtherWay() {
    const other = document.getElementById(this.getAttribute("otherwise"));
    if (other) other.hidden = false;
    if (other instanceof HTMLDetailsElement) other.open = true;
  }

  #left = () => {
    if (document.hidden && INTERRUPTIBLE.has(this.#phase)) this.#fail("interrupted");
  };

  /** Back by the browser's button: what was sent is the server's business, and a new recording is a new challenge. */
  #back = (event) => event.persisted && this.dialog.open && this.#close();

  #answered = () => this.#phase === "sent" && this.dialog.open && this.#close();

  // --- 1. aiming

  async #start() {
    this.#end();
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    this.#enter("opening");
    this.#dress("");
    this.#say(this.words.opening);
    for (const hidden of [this.alert, this.go, this.meter]) hidden.hidden = true;
    this.hint.textContent = "";
    if (!this.dialog.open) this.dialog.showModal();
    this.#speak(this.words.opening);
    try {
      const stream = await navigator.mediaDevices.getUserMedia(FACE);
      if (signal.aborted) return void stream.getTracks().forEach((track) => track.stop());
      await this.#show(stream);
    } catch (error) {
      if (!signal.aborted) this.#fail(problem(error));
      return;
    }
    if (!signal.aborted) this.#aim(signal);
  }

  async #show(stream) {
    this.#stream = stream;
    stream.getVideoTracks()[0].addEventListener("ended", () => INTERRUPTIBLE.has(this.#phase) && this.#fail("interrupted"));
    this.video.srcObject = stream;
    await this.video.play();
  }

  #aim(signal) {
    this.#enter("aiming");
    this.#say(this.words.aim);
    this.go.textContent = this.words.begin;
    this.go.hidden = false;
    this.go.focus();
    const patience = setTimeout(() => this.#alone(), GUIDE_PATIENCE_MS);
    signal.addEventListener("abort", () => clearTimeout(patience));
    this.#watcher = this.#watch(signal, () => clearTimeout(patience));
  }

  /** Without the face finder: the person says when. */
  #alone() {
    if (this.#phase === "aiming" && !this.hint.textContent) this.hint.textContent = this.words.alone;
  }

  #watch(signal, came) {
    let worker;
    try {
      worker = new Worker(new URL("../workers/face-watch.js", import.meta.url), { type: "module" });
    } catch {
      this.#alone();
      return null;
    }
    const calm = new Calm();
    let before = null;
    let light = 255;
    const look = () => {
      if (this.#phase !== "aiming" || signal.aborted) return;
      const picture = this.#glance();
      light = mean(luminance(picture.data, picture.width, picture.height));
      worker.postMessage({ pixels: picture.data.buffer, width: picture.width, height: picture.height }, [picture.data.buffer]);
    };
    worker.addEventListener("error", () => this.#alone());
    worker.addEventListener("message", ({ data }) => {
      if (this.#phase !== "aiming" || signal.aborted) return;
      if (data.failed) {
        this.#alone();
        return;
      }
      if (data.ready) came();
      else before = this.#advise(data.faces, before, light, calm);
      setTimeout(look, data.ready ? 0 : LOOK_EVERY_MS);
    });
    return worker;
  }

  /** What the oval's stage shows, in few pixels. */
  #glance() {
    const { videoWidth: width, videoHeight: height } = this.video;
    const box = this.stage.getBoundingClientRect();
    const { x, y, ...size } = within({ width, height }, box, box);
    const canvas = (this.canvas ??= document.createElement("canvas"));
    canvas.width = LOOK_WIDTH;
    canvas.height = Math.round((LOOK_WIDTH * size.height) / size.width);
    const brush = canvas.getContext("2d", { willReadFrequently: true });
    brush.drawImage(this.video, x, y, size.width, size.height, 0, 0, canvas.width, canvas.height);
    return brush.getImageData(0, 0, canvas.width, canvas.height);
  }

  #advise(faces, before, light, calm) {
    const { word, ready } = calm.hear(advice(faces, before, light), performance.now());
    if (this.hint.textContent !== this.words[word]) this.hint.textContent = this.words[word];
    this.stage.classList.toggle("good", word === "good");
    if (ready) this.#ready();
    return faces[0] ?? null;
  }

  // --- 2. asking

  async #ready() {
    if (this.#phase !== "aiming") return;
    const { signal } = this.#stop;
    this.#enter("asking");
    this.#watcher?.terminate();
    this.#watcher = null;
    this.go.hidden = true;
    this.stage.classList.remove("good");
    this.hint.textContent = this.words.moment;
    try {
      const body = new URLSearchParams({ colours: this.#choice("calm").checked ? "no" : "yes", pace: this.#choice("slow").checked ? "slow" : "normal" });
      const asked = await requestJson(this.getAttribute("ask"), { method: "POST", body, signal });
      const recording = await this.#record(asked.challenge, signal);
      if (recording) await this.#deliver(asked, recording, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refused) this.#fail("failed", error.words);
      else this.#fail(error instanceof Unreachable ? "offline" : "failed");
    }
  }

  // --- 3. recording

  /** The recording as a Blob, null when it was ended. Everything is timed from the first frame. */
  async #record(challenge, signal) {
    const pieces = [];
    const recorder = new MediaRecorder(this.#stream, { mimeType: recordingType(canRecord), videoBitsPerSecond: RECORDING_BITS_PER_SECOND });
    const over = new Promise((resolve, reject) => {
      recorder.addEventListener("stop", resolve, { once: true });
      recorder.addEventListener("error", () => reject(new Error("recorder")), { once: true });
    });
    over.catch(() => undefined); // heard below, unless the person stops before
    recorder.addEventListener("dataavailable", ({ data }) => data.size && pieces.push(data));
    const started = new Promise((resolve) => recorder.addEventListener("start", resolve, { once: true }));
    recorder.start(CHUNK_MS);
    await Promise.race([started, over]);
    await this.#nextFrame();
    if (signal.aborted) return null;
    this.#enter("recording");
    this.hint.textContent = "";
    await Promise.race([this.#perform(challenge, signal), over]);
    if (signal.aborted) return null;
    if (recorder.state !== "inactive") recorder.stop();
    await over;
    for (const track of this.#stream.getTracks()) track.stop();
    return new Blob(pieces, { type: recorder.mimeType });
  }

  #nextFrame() {
    return new Promise((resolve) => {
      if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(resolve);
      else requestAnimationFrame(resolve);
    });
  }

  /** Cues and colours at their times. Drawn with the screen, and by a timer where the screen is not drawn. */
  #perform(challenge, signal) {
    const began = performance.now();
    let number = -1;
    return new Promise((resolve) => {
      const tick = () => {
        const now = moment(challenge, performance.now() - began);
        if (now.over || signal.aborted) {
          clearInterval(timer);
          this.#dress("");
          resolve();
          return;
        }
        this.#dress(now.glow);
        this.ring.style.setProperty("stroke-dashoffset", String(1 - now.share));
        if (now.number === number) return;
        number = now.number;
        this.#ask(now.action, number);
      };
      const timer = setInterval(tick, 25);
      tick();
    });
  }

  #ask(action, number) {
    this.#say(this.words[action], action);
    if (number === 0) return;
    navigator.vibrate?.(BUZZ_MS);
    this.#speak(this.words[action]);
  }

  #dress(colour) {
    if (this.dialog.dataset.glow === colour) return;
    this.dialog.dataset.glow = colour;
    this.dialog.style.setProperty("--glow", css(colour) || "var(--lamp)");
    if (!colour) this.ring.style.setProperty("stroke-dashoffset", "1");
  }

  #speak(words) {
    if (!this.#choice("aloud").checked || !window.speechSynthesis) return;
    const said = new SpeechSynthesisUtterance(words);
    said.lang = document.documentElement.lang;
    said.rate = 1.1;
    window.speechSynthesis.cancel();
    window.speechSynthesis.speak(said);
  }

  // --- 4. sending

  async #deliver(asked, recording, signal) {
    this.#enter("sending");
    this.#say(this.words.done);
    this.meter.hidden = false;
    await send(asked.upload, recording, {
      signal,
      onProgress: (share) => this.#sent(share),
      onTrouble: (lost) => lost && (this.hint.textContent = this.words.waiting),
    });
    write(this.form, "challenge", asked.id);
    write(this.form, "mime", recording.type);
    this.hint.textContent = this.words.checking;
    this.#enter("sent");
    this.#end();
    this.form.requestSubmit();
  }

  #sent(share) {
    this.meter.value = share;
    this.hint.textContent = fill(this.words.progress, { percent: Math.floor(100 * share) });
  }
}

function canRecord(type) {
  return Boolean(window.MediaRecorder?.isTypeSupported(type));
}

function write(form, name, value) {
  let input = form.querySelector(`input[type="hidden"][name="${CSS.escape(name)}"]`);
  if (!input) {
    input = document.createElement("input");
    Object.assign(input, { type: "hidden", name });
    form.append(input);
  }
  input.value = value;
}

customElements.define("face-capture", FaceCapture);
