import assert from "node:assert/strict";
import { test } from "node:test";

import { delay } from "../../web/lib/backoff.js";
import { Refused, Unreachable, request, requestJson } from "../../web/lib/net.js";

function world(...answers) {
  const calls = [];
  return {
    calls,
    wait: async () => undefined,
    random: () => 0.5,
    fetch: async (url, options) => {
      calls.push({ url, ...options });
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
}

const ok = () => new Response('{"a":1}', { status: 200 });
const status = (code, body = "") => new Response(body, { status: code });

test("a GET is tried again when the network fails or the server is busy", async () => {
  const there = world(new TypeError("down"), status(503), ok());
  assert.deepEqual(await requestJson("/x", {}, there), { a: 1 });
  assert.equal(there.calls.length, 3);
});

test("a GET is not tried for ever", async () => {
  const there = world(status(503), status(503), status(503), ok());
  await assert.rejects(request("/x", {}, there), Refused);
  assert.equal(there.calls.length, 3);
});

test("a POST is never repeated", async () => {
  const there = world(new TypeError("down"), ok());
  await assert.rejects(request("/x", { method: "POST", json: {} }, there), Unreachable);
  assert.equal(there.calls.length, 1);
});

test("a refusal is not tried again and carries the server's words", async () => {
  const there = world(status(409, '{"code":"not_your_turn","message":"It is not your turn."}'), ok());
  await assert.rejects(request("/x", {}, there), (error) => {
    assert.deepEqual([error.status, error.code, error.words], [409, "not_your_turn", "It is not your turn."]);
    return error instanceof Refused;
  });
  assert.equal(there.calls.length, 1);
});

test("an error page that is not JSON is still a refusal", async () => {
  await assert.rejects(request("/x", { method: "POST" }, world(status(500, "<html>"))), Refused);
});

test("JSON is sent as JSON and the caller's headers stay", async () => {
  const there = world(ok());
  await requestJson("/x", { method: "POST", json: { b: 2 }, headers: { "X-Y": "z" } }, there);
  const [{ headers, body, method }] = there.calls;
  assert.deepEqual([method, body, headers["Content-Type"], headers["X-Y"]], ["POST", '{"b":2}', "application/json", "z"]);
});

test("who cancels gets the cancellation, not a second try", async () => {
  const stop = new AbortController();
  const there = world(ok());
  there.fetch = async () => {
    stop.abort();
    throw stop.signal.reason;
  };
  await assert.rejects(request("/x", { signal: stop.signal }, there), { name: "AbortError" });
});

test("waiting doubles, stays under its cap, and is spread by chance", () => {
  assert.deepEqual([0, 1, 2, 30].map((n) => delay(n, { random: () => 1 })), [500, 1000, 2000, 30_000]);
  assert.deepEqual([0, 1].map((n) => delay(n, { random: () => 0 })), [250, 500]);
});
