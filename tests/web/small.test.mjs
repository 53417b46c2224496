import assert from "node:assert/strict";
import { test } from "node:test";

import { progress } from "../../web/lib/guide.js";
import { address, concerns } from "../../web/lib/live.js";
import { Reading, currentPage, stretch } from "../../web/lib/reading.js";
import { digits, fill } from "../../web/lib/words.js";

test("a page counts only while it is in view, and each millisecond is reported once", () => {
  const reading = new Reading();
  reading.shown(1, 0);
  reading.hidden(1, 400);
  reading.shown(2, 100);
  assert.deepEqual(reading.take(1100), [{ page: 1, ms: 400 }, { page: 2, ms: 1000 }]);
  assert.deepEqual(reading.take(1300), [{ page: 2, ms: 200 }]);
  assert.deepEqual(reading.pause(1400), [2]);
  assert.deepEqual(reading.take(9000), [{ page: 2, ms: 100 }]);
  assert.deepEqual(reading.take(9999), []);
});

test("the current page is the one that fills most of the view", () => {
  assert.equal(currentPage(new Map([[1, 100], [2, 300], [3, 0]])), 2);
  assert.equal(currentPage(new Map([[4, 200], [5, 200]])), 4);
  assert.equal(currentPage(new Map([[1, 0]])), null);
});

test("text is stretched to the width of its box", () => {
  assert.equal(stretch({ w: 5000, h: 200 }, 10, 1), 2.5);
  assert.equal(stretch({ w: 5000, h: 200 }, 0, 1), 1);
});

test("the guide goes to the next unfilled required field, round the end, and counts only required ones", () => {
  const field = (id, required, filled) => ({ id, required, filled });
  const told = progress([field("a", true, false), field("b", true, true), field("c", false, false), field("d", true, false)]);
  assert.deepEqual([told.done, told.total, told.left], [1, 3, 2]);
  assert.deepEqual([told.next(), told.next("a"), told.next("d"), told.next("gone")], ["a", "d", "a", "a"]);
  assert.equal(progress([field("a", true, true)]).next(), null);
});

test("the socket's address follows the page's scheme, host and the unit's own port", () => {
  const at = (href) => ({ href });
  assert.equal(address("/live?t=1", at("https://x.example/s/1")), "wss://x.example/live?t=1");
  assert.equal(address("/live", at("http://localhost:8000/"), "8001"), "ws://localhost:8001/live");
});

test("only messages that name one of our topics concern us, and nonsense never does", () => {
  assert.equal(concerns('{"changed":["contract:1"]}', ["contract:1", "person:2"]), true);
  assert.equal(concerns('{"changed":["contract:9"]}', ["contract:1"]), false);
  assert.equal(concerns('{"changed":["contract:9"]}', []), true);
  for (const text of ["", "null", "{}", '{"changed":"contract:1"}']) assert.equal(concerns(text, []), false, text);
});

test("sentences are filled, and unknown names are left to be seen", () => {
  assert.equal(fill("第 {n} 页，共 {total} 页", { n: 2, total: 5 }), "第 2 页，共 5 页");
  assert.equal(fill("{x} {y}", { x: 0 }), "0 {y}");
  assert.equal(fill(undefined, {}), "");
});

test("a whole message may be pasted where its code belongs", () => {
  const message = "Code for “Lease 2026” from Olga, document 3D98-54E0, valid 5 minutes: 482913\n\n@sign.example #482913";
  assert.equal(digits(message, 6), "482913");
  assert.equal(digits("Your code is 482913. It is valid for 5 minutes.", 6), "482913");
  assert.equal(digits("482 913", 6), "482913");
  assert.equal(digits("4829", 6), "4829");
});

test("a code is digits only, full-width ones and pasted spaces included", () => {
  assert.equal(digits("１２３ 456", 6), "123456");
  assert.equal(digits("code: 12-34-56-78", 6), "123456");
  assert.equal(digits("abc", 6), "");
});
