/**
 * What a face video had to show, made anew from the statement that it confirms (bff/core/gestures.py): three actions and a row of
 * colours, drawn from HKDF's octets (RFC 5869), so that a video recorded for one contract is worth nothing for another.
 */

import { canonical } from "./jcs.js";

const FORMAT = "countersign-gestures/1";
const ACTIONS = ["turn_left", "turn_right", "open_mouth", "close_eyes", "blink_twice"];
const COLOURS = ["rose", "green", "sky", "amber"];
const PERCENT = { normal: 100, slow: 150 };
const STEPS = 3;
const LEAD_MS = 1000;
const ACTION_MS = 2000;
const GLOW_MS = 400;

/** The canonical text; null for a nonce or a pace that there is not. */
export async function derived(challenge, nonce, { pace, colours }) {
  if (!Object.hasOwn(PERCENT, pace) || nonce.length < 16) return null;
  const draw = new Draw(await octets(challenge, nonce));
  const order = draw.some(ACTIONS, STEPS);
  const steps = [];
  let at = LEAD_MS + 100 * draw.below(4);
  for (const action of order) {
    steps.push({ action, at_ms: at });
    at += Math.floor(((ACTION_MS + 100 * draw.below(4)) * PERCENT[pace]) / 100);
  }
  return canonical({ steps, glows: colours ? glows(draw, at) : [], length_ms: at, format: FORMAT });
}

/** No colour twice in a row. */
function glows(draw, end) {
  const found = [];
  let before = null;
  for (let at = 0; at < end - GLOW_MS; at += GLOW_MS + 100 * draw.below(4)) {
    before = draw.one(COLOURS.filter((colour) => colour !== before));
    found.push({ colour: before, at_ms: at });
  }
  return found;
}

/** All that HKDF-Expand gives. */
async function octets(secret, nonce) {
  const key = await mac(nonce, secret);
  const label = new TextEncoder().encode(FORMAT);
  const found = [];
  let block = new Uint8Array();
  for (let number = 1; number < 256; number += 1) {
    block = await mac(key, Uint8Array.from([...block, ...label, number]));
    found.push(...block);
  }
  return found;
}

async function mac(key, data) {
  const how = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", key, how, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, data));
}

/** Lots without favour: an octet that would favour some is thrown away. */
class Draw {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  below(limit) {
    const fair = 256 - (256 % limit);
    while (this.bytes[this.at] >= fair) this.at += 1;
    this.at += 1;
    return this.bytes[this.at - 1] % limit;
  }

  one(of) {
    return of[this.below(of.length)];
  }

  /** `count` different ones, in an order that is drawn too. */
  some(of, count) {
    const left = [...of];
    return Array.from({ length: count }, () => left.splice(this.below(left.length), 1)[0]);
  }
}
