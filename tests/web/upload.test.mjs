import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { Refused, Unreachable } from "../../web/lib/net.js";
import { PIECE_BYTES, send } from "../../web/lib/upload.js";

/** A server that keeps what it gets, and does what `trouble` says before that: a list of functions or nothing. */
function server(...trouble) {
  const there = { kept: Buffer.alloc(0), calls: [], said: [], waited: 0 };
  const said = (status) => new Response(null, { status, headers: { "Upload-Offset": String(there.kept.length) } });
  there.keep = async (body) => {
    there.kept = Buffer.concat([there.kept, Buffer.from(await body.arrayBuffer())]);
  };
  there.world = {
    wait: async () => {
      there.waited += 1;
    },
    random: () => 0.5,
    fetch: async (url, { method, headers, body }) => {
      there.calls.push(method);
      there.said.push(headers);
      const go = trouble.shift();
      if (go) return go(there, said, body);
      if (method === "HEAD") return said(200);
      if (Number(headers["Upload-Offset"]) !== there.kept.length) return said(409);
      await there.keep(body);
      return said(204);
    },
  };
  return there;
}

const lost = () => {
  throw new TypeError("down");
};
const cutAfterReceiving = async (there, _, body) => {
  await there.keep(body);
  throw new TypeError("the answer was lost");
};
const answering = (status) => () => new Response('{"code":"x","message":"No."}', { status });
const bytes = Buffer.from(Uint8Array.from({ length: 2 * PIECE_BYTES + 77 }, (_, n) => (n * 31) % 251));
const recording = new Blob([bytes]);

test("a recording goes in pieces, and how far it is is told", async () => {
  const there = server();
  const told = [];
  await send("/u", recording, { onProgress: (share) => told.push(share) }, there.world);
  assert.deepEqual(there.kept, bytes);
  assert.deepEqual(there.calls, ["PATCH", "PATCH", "PATCH", "PATCH"]);
  assert.deepEqual([told.at(0), told.at(-1), told.length], [0, 1, 5]);
});

test("before the first byte the whole is committed to, and every piece says it again", async () => {
  const sizes = [];
  const there = server();
  const { fetch } = there.world;
  there.world.fetch = (url, options) => {
    sizes.push(options.body?.size);
    return fetch(url, options);
  };
  await send("/u", recording, {}, there.world);
  assert.deepEqual(sizes, [0, PIECE_BYTES, PIECE_BYTES, 77]);
  const digest = createHash("sha256").update(bytes).digest("base64");
  for (const headers of there.said) {
    assert.equal(headers.Accept, "application/json");
    assert.equal(headers["Upload-Length"], String(bytes.length));
    assert.equal(headers["Upload-Digest"], `sha-256=:${digest}:`);
  }
});

test("a commitment whose answer was lost is made again before any byte", async () => {
  const there = server(lost);
  await send("/u", recording, {}, there.world);
  assert.deepEqual(there.kept, bytes);
  assert.deepEqual(there.calls, ["PATCH", "HEAD", "PATCH", "PATCH", "PATCH", "PATCH"]);
});

test("who goes on with what is there in part commits to the same and sends the rest", async () => {
  const there = server();
  there.kept = bytes.subarray(0, 2 * PIECE_BYTES);
  await send("/u", recording, {}, there.world);
  assert.deepEqual(there.kept, bytes);
  assert.deepEqual(there.calls, ["PATCH", "PATCH", "PATCH"]); // 409 with the offset, the commitment, the rest
});

test("what is all there is committed to as well", async () => {
  const there = server();
  there.kept = bytes;
  await send("/u", recording, {}, there.world);
  assert.deepEqual(there.calls, ["PATCH", "PATCH"]);
});

test("after a lost connection the server is asked how much it has, and only the rest is sent", async () => {
  const there = server(null, null, lost, lost);
  const trouble = [];
  await send("/u", recording, { onTrouble: (is) => trouble.push(is) }, there.world);
  assert.deepEqual(there.kept, bytes);
  assert.deepEqual(there.calls, ["PATCH", "PATCH", "PATCH", "HEAD", "HEAD", "PATCH", "PATCH"]);
  assert.deepEqual(trouble, [false, false, true, true, false, false, false]);
  assert.equal(there.waited, 2);
});

test("a piece that arrived although its answer did not is not sent again", async () => {
  const there = server(null, null, null, cutAfterReceiving);
  await send("/u", recording, {}, there.world);
  assert.deepEqual(there.kept, bytes);
  assert.deepEqual(there.calls, ["PATCH", "PATCH", "PATCH", "PATCH", "HEAD"]);
});

test("a 409 tells the true offset, forwards and back", async () => {
  const there = server();
  there.kept = bytes.subarray(0, 1000);
  await send("/u", recording, {}, there.world);
  assert.deepEqual(there.kept, bytes);
  assert.equal(there.calls.includes("HEAD"), false);

  const emptied = server(null, (its, said) => {
    its.kept = Buffer.alloc(0); // started anew, without its memory
    return said(409);
  });
  await send("/u", recording, {}, emptied.world);
  assert.deepEqual(emptied.kept, bytes);
});

test("a busy server is waited for, a refusal is not", async () => {
  const busy = server(answering(503), null);
  await send("/u", recording, {}, busy.world);
  assert.deepEqual(busy.kept, bytes);
  for (const status of [400, 403, 404, 410, 413]) {
    const there = server(answering(status));
    await assert.rejects(send("/u", recording, {}, there.world), (error) => error instanceof Refused && error.words === "No.");
    assert.equal(there.calls.length, 1);
  }
});

test("it ends where nothing helps", async () => {
  const there = server(...Array.from({ length: 50 }, () => lost));
  await assert.rejects(send("/u", recording, {}, there.world), Unreachable);
  assert.equal(there.calls.length, 9);
  const deaf = server(...Array.from({ length: 50 }, () => () => new Response(null, { status: 204 })));
  await assert.rejects(send("/u", recording, {}, deaf.world), Unreachable);
});

test("a server that claims more than there is, is not believed", async () => {
  const there = server(() => new Response(null, { status: 204, headers: { "Upload-Offset": String(bytes.length + 1) } }));
  await assert.rejects(send("/u", recording, {}, there.world), Refused);
});

test("it stops when the person stops", async () => {
  const stop = new AbortController();
  const there = server(() => {
    stop.abort();
    throw stop.signal.reason;
  });
  await assert.rejects(send("/u", recording, { signal: stop.signal }, there.world), { name: "AbortError" });
  assert.deepEqual(there.calls, ["PATCH"]);
});
