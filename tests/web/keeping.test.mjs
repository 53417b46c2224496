import assert from "node:assert/strict";
import { test } from "node:test";

import { forget, keep, kept, putBack, typed } from "../../web/lib/keeping.js";

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

const form = { method: "post", action: "https://h/contracts/1/signers" };

function page() {
  return [
    { form, name: "name", type: "text", value: "", defaultValue: "" },
    { form, name: "code", type: "text", value: "", defaultValue: "", autocomplete: "one-time-code" },
    { form, name: "secret", type: "hidden", value: "", defaultValue: "" },
    { form, name: "needs", type: "radio", value: "contact", checked: true, defaultChecked: true },
    { form, name: "needs", type: "radio", value: "document", checked: false, defaultChecked: false },
    { form, name: "zone", type: "select-one", value: "UTC", options: [{ value: "UTC" }, { value: "Asia/Shanghai" }] },
    { form: { method: "get", action: form.action }, name: "q", type: "search", value: "", defaultValue: "" },
    { form: { ...form, action: "https://h/language" }, name: "name", type: "text", value: "", defaultValue: "" },
  ];
}

test("what was typed is told from what came with the page, and put back into the same form alone", () => {
  const before = page();
  assert.deepEqual(typed(before), {});
  for (const [at, value] of [[0, "李雷"], [1, "123456"], [2, "x"], [5, "Asia/Shanghai"], [6, "lease"]]) before[at].value = value;
  [before[3].checked, before[4].checked] = [false, true];
  const values = typed(before);
  assert.deepEqual(Object.keys(values).length, 4);
  const after = page();
  assert.deepEqual(putBack(after, values).map((field) => field.name), ["name", "needs", "needs", "zone"]);
  assert.deepEqual(after.map((field) => field.value), ["李雷", "", "", "contact", "document", "Asia/Shanghai", "", ""]);
  assert.deepEqual([after[3].checked, after[4].checked], [false, true]);
});

test("a refused form is kept as it came; what somebody altered by hand is not put back", () => {
  const refused = page();
  [refused[0].value, refused[0].defaultValue] = ["Bob", "Bob"];
  assert.equal(Object.values(typed(refused, { all: true }))[0], "Bob");
  assert.deepEqual(putBack(page(), { [`${form.action} name`]: true, [`${form.action} needs=document`]: "yes" }), []);
});
