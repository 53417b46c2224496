import assert from "node:assert/strict";
import { test } from "node:test";

import { DOCUMENT, FACE, fitted, problem, recordingType, within } from "../../web/lib/camera.js";
import { Calm, advice } from "../../web/lib/facing.js";
import { COLOURS, TAIL_MS, css, moment } from "../../web/lib/gestures.js";
import { filled, glare, hint, luminance, mean } from "../../web/lib/sight.js";

// --- a camera

test("nobody is asked for a microphone", () => {
  assert.deepEqual([FACE.audio, DOCUMENT.audio], [false, false]);
  assert.equal(FACE.video.facingMode, "user");
});

test("a recording is H.264 where the browser can, else VP9, else VP8, else nothing", () => {
  const able = (...types) => recordingType((type) => types.includes(type));
  assert.equal(able("video/webm;codecs=vp8", "video/mp4;codecs=avc1.42E01E"), "video/mp4;codecs=avc1.42E01E");
  assert.equal(able("video/webm;codecs=vp8", "video/webm;codecs=vp9", "video/mp4"), "video/webm;codecs=vp9");
  assert.equal(able("video/webm"), "video/webm");
  assert.equal(able("video/ogg"), "");
});

test("why a camera did not open has a word, also for what nobody has seen yet", () => {
  const names = ["NotAllowedError", "NotFoundError", "NotReadableError", "TypeError"];
  assert.deepEqual(names.map((name) => problem({ name })), ["refused", "missing", "busy", "failed"]);
  assert.equal(problem(undefined), "failed");
});

test("what lies in the frame is cut out of the camera's picture, which fills the screen and is cut off at its sides", () => {
  const view = { x: 0, y: 0, width: 360, height: 640 };
  const frame = { x: 18, y: 218, width: 324, height: 204 };
  // 1920 x 1080 on a narrow screen: its scale is 640/1080, 778 pixels of it are out of sight.
  const seen = within({ width: 1920, height: 1080 }, view, frame);
  assert.deepEqual(Object.values(seen).map(Math.round), [687, 368, 547, 344]);
  const whole = within({ width: 1080, height: 1920 }, view, frame);
  assert.deepEqual(Object.values(whole).map(Math.round), [54, 654, 972, 612]);
  const wider = within({ width: 1080, height: 1920 }, view, frame, 0.5);
  assert.deepEqual([wider.x, wider.width], [0, 1080]);
});

test("a picture is made smaller to fit, and never larger", () => {
  assert.deepEqual(fitted({ width: 4000, height: 3000 }, 2400), { width: 2400, height: 1800 });
  assert.deepEqual(fitted({ width: 800, height: 600 }, 2400), { width: 800, height: 600 });
});

// --- a document

/** A card of text on a table: `width` x `height` pixels of it in the middle of 160 x 100. */
function card({ width = 150, height = 92, paper = 205, ink = 40, table = 120, soft = 0 } = {}) {
  const picture = { values: new Uint8ClampedArray(160 * 100).fill(table), width: 160, height: 100 };
  const left = (160 - width) / 2;
  const top = (100 - height) / 2;
  for (let y = Math.ceil(top); y < top + height; y += 1) {
    for (let x = Math.ceil(left); x < left + width; x += 1) {
      const written = Math.floor(y / 4) % 2 === 0 && (x * 7 + Math.floor(y / 8) * 13) % 23 < 8;
      picture.values[y * 160 + x] = written ? ink : paper;
    }
  }
  for (let n = 0; n < soft; n += 1) soften(picture);
  return picture;
}

function soften(picture) {
  const { values, width } = picture;
  const was = Float64Array.from(values);
  for (let n = width + 1; n < values.length - width - 1; n += 1) {
    values[n] = (was[n - 1] + was[n + 1] + was[n - width] + was[n + width] + was[n]) / 5;
  }
}

function lamp(picture, side) {
  for (let y = 30; y < 30 + side; y += 1) for (let x = 60; x < 60 + side; x += 1) picture.values[y * 160 + x] = 255;
  return picture;
}

const changed = (picture, change) => ({ ...picture, values: picture.values.map(change) });

test("a sharp, well lit card that fills the frame needs no hint", () => {
  assert.equal(hint(card(), card()), "");
  assert.equal(hint(card({ paper: 245 }), card({ paper: 245 })), "");
});

test("each thing that makes a card unreadable is named", () => {
  assert.equal(hint(changed(card(), (value) => value / 5), card()), "dark");
  assert.equal(hint(lamp(card(), 24), card()), "glare");
  assert.equal(hint(card({ width: 70, height: 44 }), card()), "far");
  assert.equal(hint(card(), card({ soft: 12 })), "blur");
});

test("white paper is no glare, a small highlight neither", () => {
  assert.equal(glare(changed(card(), () => 255)), 0);
  assert.ok(glare(lamp(card(), 6)) < 0.01);
  assert.ok(glare(lamp(card(), 24)) > 0.02);
});

test("an empty picture is neither blurred nor far", () => {
  const empty = { values: new Uint8ClampedArray(160 * 100).fill(128), width: 160, height: 100 };
  assert.equal(hint(empty, empty), "");
  assert.equal(filled(empty), 1);
});

test("on a busy table it cannot be told how far a card is, so nothing is said", () => {
  const busy = card({ width: 70, height: 44 });
  for (let n = 0; n < busy.values.length; n += 1) if (busy.values[n] === 120) busy.values[n] = (n * 97) % 160;
  assert.ok(filled(busy) > 0.9);
});

test("noise of a sensor in the dark does not count as sharpness of a card", () => {
  const noisy = changed(card({ soft: 12 }), (value, n) => value + ((n * 7919) % 9) - 4);
  assert.equal(hint(card(), noisy), "blur");
});

test("luminance is what an eye sees", () => {
  const { values } = luminance(new Uint8ClampedArray([255, 255, 255, 255, 0, 255, 0, 255, 0, 0, 255, 255, 0, 0, 0, 0]), 2, 2);
  assert.deepEqual([...values], [255, 149, 29, 0]);
  assert.equal(mean({ values }), 433 / 4);
});

// --- a face

const face = (more = {}) => ({ x: 0.25, y: 0.2, width: 0.5, height: 0.6, yaw: 0, pitch: 0, ...more });

test("what to do better is said one thing at a time, the first thing first", () => {
  const told = [
    [[], 120, "nobody"],
    [[], 20, "dark"],
    [[face(), face({ x: 0.6, width: 0.3 })], 120, "many"],
    [[face(), face({ x: 0.9, width: 0.1 })], 120, "good"],
    [[face({ x: 0.4, width: 0.2 })], 120, "closer"],
    [[face({ x: 0.1, width: 0.8 })], 120, "farther"],
    [[face({ x: 0.45 })], 120, "centre"],
    [[face()], 30, "dark"],
    [[face({ yaw: -0.5 })], 120, "straight"],
    [[face({ pitch: 0.6 })], 120, "straight"],
    [[face()], 120, "good"],
  ];
  for (const [faces, light, word] of told) assert.equal(advice(faces, null, light), word, JSON.stringify(faces));
});

test("a hand that shakes is asked to hold still, a steady one is not", () => {
  assert.equal(advice([face()], face({ x: 0.3 }), 120), "still");
  assert.equal(advice([face()], face({ x: 0.26 }), 120), "good");
});

test("words change calmly, and readiness takes longest", () => {
  const calm = new Calm({ sayMs: 300, readyMs: 900 });
  assert.deepEqual(calm.hear("closer", 0), { word: "closer", ready: false });
  assert.deepEqual(calm.hear("good", 100), { word: "closer", ready: false });
  assert.deepEqual(calm.hear("closer", 200), { word: "closer", ready: false });
  assert.deepEqual(calm.hear("good", 300), { word: "closer", ready: false });
  assert.deepEqual(calm.hear("good", 700), { word: "good", ready: false });
  assert.deepEqual(calm.hear("good", 1200), { word: "good", ready: true });
  assert.deepEqual(calm.hear("nobody", 1300), { word: "good", ready: false });
});

// --- a challenge

const challenge = {
  length_ms: 7000,
  steps: [{ action: "turn_left", at_ms: 1000 }, { action: "close_eyes", at_ms: 3000 }, { action: "open_mouth", at_ms: 5000 }],
  glows: [{ colour: "rose", at_ms: 0 }, { colour: "sky", at_ms: 500 }],
};

test("a challenge is asked for in its order and time", () => {
  const at = (ms) => moment(challenge, ms);
  assert.deepEqual(at(0), { action: "look", number: 0, glow: "rose", share: 0, over: false });
  assert.deepEqual([at(999).action, at(1000).action, at(2999).action], ["look", "turn_left", "turn_left"]);
  assert.deepEqual([at(3000).number, at(6999).number], [2, 3]);
  assert.deepEqual([at(499).glow, at(500).glow, at(6999).glow, at(7000).glow], ["rose", "sky", "sky", ""]);
  assert.deepEqual([at(7000).over, at(7000 + TAIL_MS).over, at(9000).share], [false, true, 1]);
});

test("who wants no colours sees none", () => {
  assert.equal(moment({ ...challenge, glows: [] }, 800).glow, "");
  assert.equal(css(""), "");
  assert.equal(css("sky"), "rgb(90 190 255)");
  assert.equal(css("infrared"), "");
  assert.deepEqual(Object.keys(COLOURS), ["rose", "green", "sky", "amber"]);
});
