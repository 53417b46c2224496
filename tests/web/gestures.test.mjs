import assert from "node:assert/strict";
import { test } from "node:test";

import { derived } from "../../web/lib/verify/gestures.js";

const challenge = Uint8Array.from({ length: 32 }, (_, n) => n);
const nonce = new Uint8Array(16).fill(7);

test("the same statement asks for the same gestures, another nonce for others", async () => {
  const asked = await derived(challenge, nonce, { pace: "normal", colours: true });
  assert.equal(await derived(challenge, nonce, { pace: "normal", colours: true }), asked);
  assert.notEqual(await derived(challenge, new Uint8Array(16).fill(8), { pace: "normal", colours: true }), asked);
  const { steps, glows, format } = JSON.parse(asked);
  assert.equal(new Set(steps.map((step) => step.action)).size, 3);
  assert.ok(glows.length > 5);
  assert.equal(format, "countersign-gestures/1");
});

test("without colours there are none, slowly everything lasts longer, and what is unknown is nothing", async () => {
  const plain = JSON.parse(await derived(challenge, nonce, { pace: "normal", colours: false }));
  const slow = JSON.parse(await derived(challenge, nonce, { pace: "slow", colours: false }));
  assert.deepEqual(plain.glows, []);
  assert.ok(slow.length_ms > plain.length_ms);
  assert.equal(await derived(challenge, nonce, { pace: "hasty", colours: false }), null);
  assert.equal(await derived(challenge, nonce.subarray(1), { pace: "normal", colours: false }), null);
});
