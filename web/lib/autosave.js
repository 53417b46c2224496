/**
 * Saving by itself: waits for a pause, one save at a time, the newest value wins, and says how it stands.
 *
 * States: "saved", "saving", "unsaved" (the last try failed; it is tried again by `retry`, by the next change, and with
 * growing pauses unless the server refused).
 */

import { delay } from "./backoff.js";

export class Autosave {
  #timer = null;
  #busy = false;
  #dirty = false;
  #failures = 0;
  #value;

  /** `save(value)` returns a promise; `onState(state, error)` is told; `final(error)` says not to try again by itself. */
  constructor({ save, onState, final = () => false, pauseMs = 600, timers = globalThis, random = Math.random }) {
    Object.assign(this, { save, onState, final, pauseMs, timers, random });
  }

  get pending() {
    return this.#dirty || this.#busy;
  }

  /** A new value to be saved soon. */
  touch(value) {
    this.#value = value;
    this.#dirty = true;
    this.#plan(this.pauseMs);
    this.onState("saving");
  }

  /** Save now whatever waits. */
  retry() {
    if (this.#dirty) this.#plan(0);
  }

  stop() {
    this.timers.clearTimeout(this.#timer);
  }

  #plan(ms) {
    this.timers.clearTimeout(this.#timer);
    this.#timer = this.timers.setTimeout(() => this.#run(), ms);
  }

  async #run() {
    if (this.#busy || !this.#dirty) return;
    this.#busy = true;
    this.#dirty = false;
    this.onState("saving");
    try {
      await this.save(this.#value);
      this.#failures = 0;
    } catch (error) {
      this.#fail(error);
      return;
    } finally {
      this.#busy = false;
    }
    if (this.#dirty) this.#plan(0);
    else this.onState("saved");
  }

  #fail(error) {
    const newer = this.#dirty;
    this.#dirty = true;
    this.onState("unsaved", error);
    if (newer) this.#plan(this.pauseMs);
    else if (!this.final(error)) this.#plan(delay(this.#failures++, { first: 2000, random: this.random }));
  }
}
