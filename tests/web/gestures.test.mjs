import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { derived } from "../../web/lib/verify/gestures.js";
import { canonical } from "../../web/lib/verify/jcs.js";
import { known, moment } from "../../web/lib/verify/statements.js";

const TOLD = JSON.parse(readFileSync(new URL("../vectors/gestures.json", import.meta.url), "utf8"));
const octets = (digits) => Uint8Array.from(Buffer.from(digits, "hex"));

test("gestures follow from challenge and nonce as the house says", async () => {
  assert.ok(TOLD.length >= 12);
  for (const { challenge, nonce, pace, colours, gestures, sha256 } of TOLD) {
    const written = canonical(await derived(octets(challenge), octets(nonce), { pace, colours }));
    assert.equal(written, gestures);
    assert.equal(createHash("sha256").update(written).digest("hex"), sha256);
  }
});

test("another octet of either leads to other gestures", async () => {
  const [{ challenge, nonce, gestures }] = TOLD;
  const [secret, salt] = [octets(challenge), octets(nonce)];
  const others = [await derived(secret.with(0, secret[0] ^ 1), salt), await derived(secret, salt.with(15, salt[15] ^ 1))];
  for (const other of others) assert.notEqual(canonical(other), gestures);
});

test("a moment is a real one, with its zone", () => {
  assert.equal(moment("2026-11-25T02:00:00.5+08:00"), Date.UTC(2026, 10, 24, 18, 0, 0, 500));
  assert.equal(moment("2024-02-29T00:00:00Z"), Date.UTC(2024, 1, 29));
  for (const no of ["2026-02-29T00:00:00Z", "2026-11-25T02:00:00", "2026-11-25", "0000-01-01T00:00:00Z", "2026-11-25T24:00:00Z", 7, null, [], {}]) {
    assert.equal(moment(no), null);
  }
});

test("what is shown of a person is short, on one line, and no markup of a screen", () => {
  const { parts, kind, said } = known({ level: "document", checked: { name: `A\n\u202e${"b".repeat(500)}`, checked_at: {}, document: { kind: "x", number_masked: 5 } } });
  assert.deepEqual(parts, ["document", "computer", "statement"]);
  assert.equal(kind, "other");
  assert.equal(said.name.length, 120);
  assert.ok(said.name.startsWith("A\ufffd\ufffdb") && said.name.endsWith("…"));
  assert.deepEqual([said.date, said.document], ["?", "?"]);
  assert.deepEqual(known(null), { parts: [], said: {} });
});
