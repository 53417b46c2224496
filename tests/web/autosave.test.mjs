import assert from "node:assert/strict";
import { test } from "node:test";

import { Autosave } from "../../web/lib/autosave.js";

/** Timers that fire when told to. */
function clock() {
  let waiting = null;
  return {
    setTimeout: (act, ms) => (waiting = { act, ms }),
    clearTimeout: () => (waiting = null),
    get next() {
      return waiting;
    },
    async fire() {
      const { act } = waiting;
      waiting = null;
      await act();
    },
  };
}

function made(save, more = {}) {
  const states = [];
  const timers = clock();
  return { states, timers, saving: new Autosave({ save, onState: (state) => states.push(state), timers, random: () => 1, ...more }) };
}

test("many changes in a row are one save of the newest", async () => {
  const saved = [];
  const { saving, timers, states } = made(async (value) => saved.push(value));
  saving.touch(1);
  saving.touch(2);
  await timers.fire();
  assert.deepEqual(saved, [2]);
  assert.equal(states.at(-1), "saved");
  assert.equal(saving.pending, false);
});

test("a change during a save is saved afterwards, never beside it", async () => {
  const saved = [];
  let release;
  const { saving, timers, states } = made((value) => {
    saved.push(value);
    return new Promise((resolve) => (release = resolve));
  });
  saving.touch("a");
  const first = timers.fire();
  saving.touch("b");
  await timers.fire();
  assert.deepEqual(saved, ["a"]);
  release();
  await first;
  assert.notEqual(states.at(-1), "saved");
  const second = timers.fire();
  release();
  await second;
  assert.deepEqual(saved, ["a", "b"]);
  assert.equal(states.at(-1), "saved");
});

test("a failed save says so, is tried again by itself, and then is saved", async () => {
  let broken = true;
  const { saving, timers, states } = made(async () => {
    if (broken) throw new Error("down");
  });
  saving.touch(1);
  await timers.fire();
  assert.equal(states.at(-1), "unsaved");
  assert.equal(timers.next.ms, 2000);
  broken = false;
  await timers.fire();
  assert.equal(states.at(-1), "saved");
});

test("what the server refused is not sent again by itself, but by the person", async () => {
  const saved = [];
  const { saving, timers } = made(
    async (value) => {
      saved.push(value);
      throw new Error("refused");
    },
    { final: () => true },
  );
  saving.touch(1);
  await timers.fire();
  assert.equal(timers.next, null);
  assert.equal(saving.pending, true);
  saving.retry();
  await timers.fire();
  assert.deepEqual(saved, [1, 1]);
});
