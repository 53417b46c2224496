/**
 * <passkey-button>: confirms by fingerprint, face or screen lock of this device (WebAuthn), inside a plain form.
 *
 *   <form method="post" action="…">
 *     <input type="hidden" name="intent"> <input type="hidden" name="credential">
 *     <passkey-button options-url="…" create-url="…" otherwise="sms-form">
 *       <button type="button" class="button primary">Sign with fingerprint or face</button></passkey-button></form>
 *
 * The options are there before the tap, because some browsers take the request only in the tap itself: given with the
 * page as <script type="application/json"> inside the element, or fetched by a POST of the form's fields to options-url, answered by {"flow": "get" | "create", "intent", "publicKey", "expires_in" (s)}. They are
 * fetched anew before they expire and after another field of the form has changed. "create" enrols first: the new
 * credential goes to create-url as JSON {"intent", "credential"}, whose answer has flow "get". The assertion's JSON is
 * put into the hidden input `credential` (attribute name), the intent's id into `intent`, and the form is submitted.
 *
 * Attributes: options-url, create-url, name ("credential"), otherwise (id of the other way, shown when this one cannot
 *   be used and pointed out when it failed), data-text-second (the button's words for the second touch of a new
 *   signer), data-text-cancelled, -exists, -unavailable, -failed, -offline (shown as alert; a refusal's own words win).
 * Events: passkey-ready; passkey-unavailable {reason}; passkey-failed {reason}.
 */

import { Refused, Unreachable, requestJson } from "../lib/net.js";
import { creationOptions, credentialJson, freshFor, reason, requestOptions, wantsGesture } from "../lib/webauthn.js";

const CHANGE_PAUSE_MS = 400;
const MOST_REFRESHES = 12;

class PasskeyButton extends HTMLElement {
  #answer = null;
  #stop = new AbortController();
  #asking = new AbortController();
  #timer = null;
  #refreshes = 0;
  #busy = false;

  async connectedCallback() {
    this.#stop = new AbortController();
    this.button = this.querySelector("button");
    this.form = this.closest("form");
    this.alert ??= this.#makeAlert();
    this.button.hidden = true;
    if (!(await supported())) {
      this.#giveUp("unsupported");
      return;
    }
    if (!this.isConnected) return;
    this.#listen();
    const given = this.querySelector("script[type='application/json']");
    if (given) this.#ready(JSON.parse(given.textContent));
    this.button.hidden = false;
    if (!given) await this.#fetchOptions();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
    this.#stop.abort();
    this.#asking.abort();
  }

  #makeAlert() {
    const alert = document.createElement("p");
    alert.className = "notice error";
    alert.setAttribute("role", "alert");
    alert.hidden = true;
    this.append(alert);
    return alert;
  }

  #listen() {
    const { signal } = this.#stop;
    this.button.addEventListener("click", () => this.#tapped(), { signal });
    for (const kind of ["input", "change", "mark-change"]) {
      this.form.addEventListener(kind, () => this.#outdated(), { signal });
    }
    document.addEventListener("visibilitychange", () => this.#returned(), { signal });
    window.addEventListener("online", () => this.#returned(), { signal });
  }

  #outdated() {
    this.#answer = null;
    this.#plan(CHANGE_PAUSE_MS);
  }

  #returned() {
    if (document.hidden || this.#answer || this.#busy) return;
    this.#refreshes = 0;
    this.#plan(0);
  }

  #plan(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#fetchOptions(), ms);
  }

  async #fetchOptions() {
    if (this.#busy) return;
    this.#asking.abort();
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    try {
      const body = new FormData(this.form);
      body.delete(this.#inputName);
      const answer = await requestJson(this.getAttribute("options-url"), { method: "POST", body, signal });
      this.#ready(answer);
    } catch (error) {
      if (!signal.aborted) this.#optionsFailed(error);
    }
  }

  #ready(answer) {
    this.#take(answer);
    this.dispatchEvent(new CustomEvent("passkey-ready", { bubbles: true }));
  }

  #take(answer) {
    this.#answer = answer;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#expired(), freshFor(answer));
  }

  #expired() {
    this.#answer = null;
    this.#refreshes += 1;
    if (!document.hidden && this.#refreshes < MOST_REFRESHES) this.#fetchOptions();
  }

  #optionsFailed(error) {
    if (error instanceof Unreachable) this.#say("offline");
    else this.#giveUp("unavailable", error instanceof Refused ? error.words : "");
  }

  get #inputName() {
    return this.getAttribute("name") ?? "credential";
  }

  async #tapped() {
    if (this.#busy) return;
    this.alert.hidden = true;
    if (!this.#answer) await this.#fetchOptions();
    if (!this.#answer) return;
    this.#setBusy(true);
    try {
      const answer = this.#answer.flow === "create" ? await this.#create() : this.#answer;
      if (answer) await this.#get(answer);
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#setBusy(false);
    }
  }

  async #create() {
    const { publicKey, intent } = this.#answer;
    const options = creationOptions(publicKey, window.PublicKeyCredential);
    const made = await navigator.credentials.create({ publicKey: options, signal: this.#stop.signal });
    const answer = await requestJson(this.getAttribute("create-url"), {
      method: "POST",
      json: { intent, credential: credentialJson(made) },
      signal: this.#stop.signal,
    });
    this.#take(answer);
    const asked = performance.now();
    try {
      await this.#get(answer);
    } catch (error) {
      if (!wantsGesture(error, performance.now() - asked)) throw error;
      this.button.textContent = this.dataset.textSecond ?? this.button.textContent;
    }
    return null;
  }

  async #get({ publicKey, intent }) {
    const options = requestOptions(publicKey, window.PublicKeyCredential);
    const credential = await navigator.credentials.get({ publicKey: options, signal: this.#stop.signal });
    this.#write(this.#inputName, JSON.stringify(credentialJson(credential)));
    this.#write("intent", intent ?? "");
    this.#answer = null;
    clearTimeout(this.#timer);
    this.form.requestSubmit();
  }

  #write(name, value) {
    let input = this.form.querySelector(`input[type="hidden"][name="${CSS.escape(name)}"]`);
    if (!input) {
      input = document.createElement("input");
      Object.assign(input, { type: "hidden", name });
      this.form.append(input);
    }
    input.value = value;
  }

  #failed(error) {
    if (error instanceof Refused) return this.#fail("failed", error.words);
    if (error instanceof Unreachable) return this.#fail("offline");
    const why = reason(error);
    if (why === "stopped") return undefined;
    if (why === "unavailable") return this.#giveUp(why);
    return this.#fail(why);
  }

  /** Not this time: the button stays, and the other way is offered beside it. */
  #fail(why, words = "") {
    this.#say(why, words);
    this.#showOtherWay();
    this.dispatchEvent(new CustomEvent("passkey-failed", { bubbles: true, detail: { reason: why } }));
  }

  /** Not on this device: the button goes and the other way becomes the first. */
  #giveUp(why, words = "") {
    this.button.hidden = true;
    if (why !== "unsupported") this.#say(why, words);
    const other = this.#showOtherWay();
    other?.querySelector("[type=submit], button:not([type=button])")?.classList.add("primary");
    this.dispatchEvent(new CustomEvent("passkey-unavailable", { bubbles: true, detail: { reason: why } }));
  }

  #showOtherWay() {
    const other = document.getElementById(this.getAttribute("otherwise"));
    if (!other) return null;
    other.hidden = false;
    if (other instanceof HTMLDetailsElement) other.open = true;
    return other;
  }

  #say(why, words = "") {
    const key = `text${why[0].toUpperCase()}${why.slice(1)}`;
    this.alert.textContent = words || this.dataset[key] || this.dataset.textFailed || "";
    this.alert.hidden = !this.alert.textContent;
  }

  #setBusy(busy) {
    this.#busy = busy;
    this.button.setAttribute("aria-busy", String(busy));
  }
}

async function supported() {
  try {
    return Boolean(await window.PublicKeyCredential?.isUserVerifyingPlatformAuthenticatorAvailable());
  } catch {
    return false;
  }
}

async function getFromJSON(json) {
  return credentialJson(await navigator.credentials.get({ publicKey: requestOptions(json) }));
}

async function createFromJSON(json) {
  return credentialJson(await navigator.credentials.create({ publicKey: creationOptions(json) }));
}

customElements.define("passkey-button", PasskeyButton);
