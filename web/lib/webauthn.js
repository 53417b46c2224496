/**
 * WebAuthn's JSON forms, for browsers that lack the parse…FromJSON and toJSON methods, and what its errors mean.
 *
 * The browser's own methods are used where they exist (`codec` is PublicKeyCredential); the fallbacks cover the members
 * that our server sends and reads, nothing more.
 */

/** Bytes of a base64url string. */
export function toBytes(text) {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (character) => character.charCodeAt(0));
}

/** Base64url without padding, of an ArrayBuffer or a typed array. */
export function toText(buffer) {
  const bytes = buffer instanceof ArrayBuffer ? new Uint8Array(buffer) : buffer;
  let plain = "";
  for (const byte of bytes) plain += String.fromCharCode(byte);
  return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** What navigator.credentials.get takes. */
export function requestOptions(json, codec) {
  if (codec?.parseRequestOptionsFromJSON) return codec.parseRequestOptionsFromJSON(json);
  const options = { ...json, challenge: toBytes(json.challenge) };
  if (json.allowCredentials) options.allowCredentials = json.allowCredentials.map(described);
  return options;
}

/** What navigator.credentials.create takes. */
export function creationOptions(json, codec) {
  if (codec?.parseCreationOptionsFromJSON) return codec.parseCreationOptionsFromJSON(json);
  const options = { ...json, challenge: toBytes(json.challenge), user: { ...json.user, id: toBytes(json.user.id) } };
  if (json.excludeCredentials) options.excludeCredentials = json.excludeCredentials.map(described);
  return options;
}

function described(descriptor) {
  return { ...descriptor, id: toBytes(descriptor.id) };
}

/** A credential as the server reads it. */
export function credentialJson(credential) {
  if (typeof credential.toJSON === "function") return credential.toJSON();
  return {
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
    clientExtensionResults: credential.getClientExtensionResults?.() ?? {},
    response: responseJson(credential.response),
  };
}

function responseJson(response) {
  const json = { clientDataJSON: toText(response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (response[name]) json[name] = toText(response[name]);
  }
  if (response.getTransports) json.transports = response.getTransports();
  return json;
}

export const QUICK_MS = 500;

/** The browser refused without asking anybody: it wanted a fresh tap. */
export function wantsGesture(error, elapsedMs) {
  return error?.name === "NotAllowedError" && elapsedMs < QUICK_MS;
}

const REASONS = {
  NotAllowedError: "cancelled",
  AbortError: "stopped",
  InvalidStateError: "exists",
  SecurityError: "unavailable",
  NotSupportedError: "unavailable",
  ConstraintError: "unavailable",
  TypeError: "unavailable",
};

/** Why it failed, in one word: cancelled, stopped, exists, unavailable or failed. */
export function reason(error) {
  return REASONS[error?.name] ?? "failed";
}

/** Milliseconds until the options should be asked for again: half a minute before they die, never less than five seconds. */
export function freshFor(answer) {
  const life = answer.expires_in ? answer.expires_in * 1000 : (answer.publicKey?.timeout ?? 300_000);
  return Math.max(5_000, life - 30_000);
}
