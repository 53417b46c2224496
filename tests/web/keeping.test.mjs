import assert from "node:assert/strict";
import { test } from "node:test";

import { forget, keep, kept } from "../../web/lib/keeping.js";

const DAY_MS = 24 * 3_600_000;

function shelf() {
  const items = new Map();
  return {
    setItem: (key, text) => items.set(key, text),
    getItem: (key) => items.get(key) ?? null,
    removeItem: (key) => items.delete(key),
  };
}

const forbidden = {
  setItem() {
    throw new Error("QuotaExceededError");
  },
  getItem() {
    throw new Error("SecurityError");
  },
  removeItem() {
    throw new Error("SecurityError");
  },
};

test("what was typed comes back, until it is forgotten or a fortnight is over", () => {
  const storage = shelf();
  keep(storage, "typed-1", { address: "Mill Street 4", keys: true }, 1000);
  assert.deepEqual(kept(storage, "typed-1", 1000 + 13 * DAY_MS), { address: "Mill Street 4", keys: true });
  assert.deepEqual(kept(storage, "typed-2", 1000), {});
  assert.deepEqual(kept(storage, "typed-1", 1000 + 15 * DAY_MS), {});
  forget([storage, forbidden], "typed-1");
  assert.deepEqual(kept(storage, "typed-1", 1000), {});
});

test("a storage that is forbidden or was altered gives nothing and breaks nothing", () => {
  keep(forbidden, "k", { a: "b" }, 0);
  assert.deepEqual(kept(forbidden, "k", 0), {});
  const storage = shelf();
  for (const text of ["", "null", "[]", '{"at":"x","values":{"a":"b"}}', '{"at":0,"values":null}', '{"at":0,"values":{"a":[1]}}']) {
    storage.setItem("k", text);
    assert.deepEqual(kept(storage, "k", 0), {}, text);
  }
});

test("more than a form can hold is not kept", () => {
  const storage = shelf();
  keep(storage, "k", { a: "x".repeat(30_000) }, 0);
  assert.deepEqual(kept(storage, "k", 0), {});
});

test("who keeps says how much, and how old it may be", () => {
  const storage = shelf();
  keep(storage, "k", { a: "x".repeat(30_000) }, 0, 40_000);
  assert.equal(kept(storage, "k", 60_000, 60_000).a.length, 30_000);
  assert.deepEqual(kept(storage, "k", 60_001, 60_000), {});
});
