import assert from "node:assert/strict";
import { test } from "node:test";

import * as webauthn from "../../web/lib/webauthn.js";

test("bytes go to base64url and back, whatever they are", () => {
  for (const length of [0, 1, 2, 3, 32, 255]) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 251 + length) % 256);
    const text = webauthn.toText(bytes.buffer);
    assert.match(text, /^[\w-]*$/);
    assert.deepEqual(webauthn.toBytes(text), bytes);
  }
});

test("request options are decoded without the browser's own parser", () => {
  const json = { challenge: "AQI", rpId: "x", allowCredentials: [{ type: "public-key", id: "_-8" }] };
  const options = webauthn.requestOptions(json, undefined);
  assert.deepEqual(options.challenge, Uint8Array.of(1, 2));
  assert.deepEqual(options.allowCredentials[0].id, Uint8Array.of(255, 239));
  assert.equal(options.rpId, "x");
});

test("creation options are decoded without the browser's own parser", () => {
  const json = { challenge: "AQ", user: { id: "Ag", name: "n" }, excludeCredentials: [{ type: "public-key", id: "Aw" }] };
  const options = webauthn.creationOptions(json, {});
  assert.deepEqual([options.user.id, options.excludeCredentials[0].id], [Uint8Array.of(2), Uint8Array.of(3)]);
  assert.equal(options.user.name, "n");
});

test("the browser's own parser is preferred", () => {
  assert.equal(webauthn.requestOptions({}, { parseRequestOptionsFromJSON: () => "its own" }), "its own");
});

test("an assertion is encoded without the browser's own toJSON", () => {
  const bytes = (...values) => Uint8Array.from(values).buffer;
  const json = webauthn.credentialJson({
    id: "AQ",
    rawId: bytes(1),
    type: "public-key",
    getClientExtensionResults: () => ({}),
    response: { clientDataJSON: bytes(2), authenticatorData: bytes(3), signature: bytes(4), userHandle: null },
  });
  assert.deepEqual(json.response, { clientDataJSON: "Ag", authenticatorData: "Aw", signature: "BA" });
  assert.equal(json.rawId, "AQ");
});

test("a refusal without a question asks for another tap, a person's refusal does not", () => {
  const refused = { name: "NotAllowedError" };
  assert.equal(webauthn.wantsGesture(refused, 20), true);
  assert.equal(webauthn.wantsGesture(refused, 3000), false);
  assert.equal(webauthn.wantsGesture({ name: "SecurityError" }, 20), false);
});

test("every error has a reason that the page has words for", () => {
  const names = ["NotAllowedError", "InvalidStateError", "SecurityError", "AbortError", "UnknownError"];
  assert.deepEqual(
    names.map((name) => webauthn.reason({ name })),
    ["cancelled", "exists", "unavailable", "stopped", "failed"],
  );
});

test("options are asked for again before they expire", () => {
  assert.equal(webauthn.freshFor({ expires_in: 300 }), 270_000);
  assert.equal(webauthn.freshFor({ publicKey: { timeout: 120_000 } }), 90_000);
  assert.equal(webauthn.freshFor({ expires_in: 10 }), 5_000);
});
