/**
 * What to tell somebody who aims a camera at their own face. Guidance only: nothing here is believed by the server.
 *
 * A face is {x, y, width, height, yaw, pitch}: its box in shares of the picture, its turn in radians.
 */

const SMALL = 0.34;
const LARGE = 0.74;
const OFF_ACROSS = 0.14;
const OFF_DOWN = 0.16;
const TURNED = 0.3;
const NODDED = 0.42;
const MOVED = 0.035;
const DARK = 50;
const BESIDE = 0.35;
/** A second face narrower than this share of the first is a picture on the wall. */

/** One word: "nobody", "many", "closer", "farther", "centre", "straight", "dark", "still" or "good". */
export function advice(faces, before, light) {
  const [face, ...others] = [...faces].sort((one, other) => other.width - one.width);
  if (!face) return light < DARK ? "dark" : "nobody";
  if (others.some((other) => other.width > BESIDE * face.width)) return "many";
  if (face.width < SMALL) return "closer";
  if (face.width > LARGE) return "farther";
  const [x, y] = middle(face);
  if (Math.abs(x - 0.5) > OFF_ACROSS || Math.abs(y - 0.5) > OFF_DOWN) return "centre";
  if (light < DARK) return "dark";
  if (Math.abs(face.yaw) > TURNED || Math.abs(face.pitch) > NODDED) return "straight";
  return before && moved(face, before) > MOVED ? "still" : "good";
}

function middle({ x, y, width, height }) {
  return [x + width / 2, y + height / 2];
}

function moved(face, before) {
  const [x, y] = middle(face);
  const [was, wasDown] = middle(before);
  return Math.max(Math.abs(x - was), Math.abs(y - wasDown), Math.abs(face.width - before.width));
}

/** Turns quick advice into calm words: one is said when it has held a while, and readiness takes longest. */
export class Calm {
  #word = "";
  #since = 0;
  #said = "";

  constructor({ sayMs = 350, readyMs = 900 } = {}) {
    this.sayMs = sayMs;
    this.readyMs = readyMs;
  }

  /** {word: what to say now, ready: good for long enough}. */
  hear(word, now) {
    if (word !== this.#word) {
      this.#word = word;
      this.#since = now;
    }
    if (!this.#said || now - this.#since >= this.sayMs) this.#said = word;
    return { word: this.#said, ready: word === "good" && now - this.#since >= this.readyMs };
  }
}
