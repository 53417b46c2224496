/**
 * <code-input>: the code that came by SMS or e-mail. Filled in by the phone where it can; sent by itself when complete.
 *
 *   <code-input resend-after="60"><label for="code">…</label><input id="code" name="code" …></code-input>
 *
 * Attributes: length (6), resend-after (seconds until the data-resend button works, which stands in a form of its own in
 *   the same section), data-text-wait ("New code in {s} s").
 * Uses WebOTP where it exists (the message ends in `@host #code`); a whole message may be pasted. Complete while there is
 * no connection, it waits for one. Ends by submitting the form that it is in.
 */

import { digits, fill } from "../lib/words.js";

class CodeInput extends HTMLElement {
  #stop = new AbortController();
  #sent = "";
  #ticking = null;

  connectedCallback() {
    this.#stop = new AbortController();
    this.length = Number(this.getAttribute("length") ?? 6);
    this.input = this.querySelector("input");
    const { input } = this;
    Object.assign(input, { inputMode: "numeric", autocomplete: "one-time-code", required: true });
    input.setAttribute("pattern", `[0-9]{${this.length}}`);
    input.removeAttribute("maxlength");
    input.classList.add("code");
    input.addEventListener("input", () => this.#typed(), { signal: this.#stop.signal });
    window.addEventListener("online", () => this.#typed(), { signal: this.#stop.signal });
    this.#countDown();
    this.#listenForMessage();
  }

  disconnectedCallback() {
    this.#stop.abort();
    clearInterval(this.#ticking);
  }

  #typed() {
    const code = digits(this.input.value, this.length);
    if (code !== this.input.value) this.input.value = code;
    if (code.length < this.length || code === this.#sent) return;
    if (!navigator.onLine) return;
    this.#sent = code;
    this.input.form?.requestSubmit();
  }

  async #listenForMessage() {
    if (!("OTPCredential" in window)) return;
    try {
      const message = await navigator.credentials.get({ otp: { transport: ["sms"] }, signal: this.#stop.signal });
      if (!message?.code) return;
      this.input.value = message.code;
      this.#typed();
    } catch {
      // Cancelled, timed out or not allowed: the code is typed instead.
    }
  }

  #countDown() {
    const button = this.closest("section, main")?.querySelector("[data-resend]");
    let left = Number(this.getAttribute("resend-after") ?? 0);
    if (!button || !left) return;
    const words = button.textContent;
    const show = () => {
      button.disabled = left > 0;
      button.textContent = left > 0 ? fill(this.dataset.textWait, { s: left }) : words;
      if (left <= 0) clearInterval(this.#ticking);
      left -= 1;
    };
    this.#ticking = setInterval(show, 1000);
    show();
  }
}

customElements.define("code-input", CodeInput);
