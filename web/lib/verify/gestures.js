/**
 * What a face video had to show, made from the intent's challenge and a nonce: docs/evidence-format.md, section 3.2, with WebCrypto.
 *
 * `derived` gives {steps, glows, length_ms, format} as the house wrote it; its canonical JSON is what was hashed and signed. The same
 * lots are drawn in `bff/core/gestures.py`.
 */

const FORMAT = "countersign-gestures/1";
const ACTIONS = ["turn_left", "turn_right", "open_mouth", "close_eyes", "blink_twice"];
const COLOURS = ["rose", "green", "sky", "amber"];
const PERCENT = { normal: 100, slow: 150 };
const STEPS = 3;
const LEAD_MS = 1000;
const STEP_MS = 2000;
const GLOW_MS = 400;
const OCTETS = 1024;

/** The challenge of these octets. `pace` is "normal" or "slow". */
export async function derived(secret, nonce, { pace = "normal", colours = true } = {}) {
  const draw = lots(await expanded(secret, nonce));
  const left = [...ACTIONS];
  const order = Array.from({ length: STEPS }, () => left.splice(draw(left.length), 1)[0]);
  const steps = [];
  let at = LEAD_MS + 100 * draw(4);
  for (const action of order) {
    steps.push({ action, at_ms: at });
    at += Math.floor(((STEP_MS + 100 * draw(4)) * PERCENT[pace]) / 100);
  }
  return { steps, glows: colours ? glowing(draw, at) : [], length_ms: at, format: FORMAT };
}

/** No colour twice in a row. */
function glowing(draw, end) {
  const glows = [];
  for (let at = 0; at < end - GLOW_MS; at += GLOW_MS + 100 * draw(4)) {
    const others = COLOURS.filter((colour) => colour !== glows.at(-1)?.colour);
    glows.push({ colour: others[draw(others.length)], at_ms: at });
  }
  return glows;
}

/** A number below the limit, without favour: an octet that would favour some is thrown away. */
function lots(octets) {
  let next = 0;
  return (limit) => {
    let octet;
    do octet = octets[next++];
    while (octet >= 256 - (256 % limit));
    return octet % limit;
  };
}

/** HKDF with SHA-256 (RFC 5869): the nonce is the salt, the format's name the info. */
async function expanded(secret, nonce) {
  const key = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
  const how = { name: "HKDF", hash: "SHA-256", salt: nonce, info: new TextEncoder().encode(FORMAT) };
  return new Uint8Array(await crypto.subtle.deriveBits(how, key, 8 * OCTETS));
}
