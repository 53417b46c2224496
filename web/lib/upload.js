/**
 * Sending a recording so that a lost connection costs seconds, not the recording: tus 1.0's core.
 *
 * First an empty PATCH commits to the whole of it by length and SHA-256: it fits through any network while the challenge is
 * young, and the server takes nothing else from then on. Then PATCH sends a piece at its offset; the answer's Upload-Offset
 * says how much the server has. After anything went wrong HEAD asks, and a 409 says it unasked. Nothing is believed to be
 * there that the server did not say.
 */

import { delay } from "./backoff.js";
import { Refused, Unreachable, request } from "./net.js";

export const PIECE_BYTES = 256 * 1024;
const PIECE_TIMEOUT_MS = 60_000;
const MOST_FAILURES = 9;
/** In a row, without a byte more; with the pauses between them about two minutes. */
const ALWAYS = { "Tus-Resumable": "1.0.0", Accept: "application/json" };

/**
 * Resolves when all of `blob` is there. `onProgress(share)`; `onTrouble(true | false)` when the connection is lost and
 * back. Throws Refused (the server will not have it), Unreachable (given up), or the signal's reason.
 */
export async function send(url, blob, { onProgress = () => {}, onTrouble = () => {}, signal } = {}, world = {}) {
  const whole = await commitment(blob);
  let offset = 0;
  let failures = 0;
  let committed = false;
  let unsure = false;
  onProgress(0);
  while (offset < blob.size || !committed) {
    try {
      const body = committed ? blob.slice(offset, offset + PIECE_BYTES) : new Blob([]);
      const now = unsure ? await asked(url, signal, world) : await sent(url, body, offset, whole, signal, world);
      if (now > blob.size) throw new Refused(409);
      if (now > offset || (!committed && !unsure)) failures = 0;
      else if (!unsure) throw new Unreachable(new Error("nothing was taken"));
      committed ||= !unsure;
      unsure = false;
      offset = now;
      onTrouble(false);
    } catch (error) {
      const told = conflict(error, blob.size);
      if (told === null && !passing(error)) throw error;
      failures = told > offset ? 0 : failures + 1;
      if (failures >= MOST_FAILURES) throw new Unreachable(error);
      offset = told ?? offset;
      unsure = told === null;
      if (unsure) onTrouble(true);
      if (failures) await pause(failures, signal, world);
    }
    onProgress(offset / blob.size);
  }
}

/** What every piece says of the whole, so that any page may go on with it. */
async function commitment(blob) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
  return { "Upload-Length": String(blob.size), "Upload-Digest": `sha-256=:${btoa(String.fromCharCode(...digest))}:` };
}

async function sent(url, body, offset, whole, signal, world) {
  const headers = { ...ALWAYS, ...whole, "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(offset) };
  const response = await request(url, { method: "PATCH", body, headers, signal, timeoutMs: PIECE_TIMEOUT_MS }, world);
  return offsetOf(response.headers);
}

async function asked(url, signal, world) {
  const response = await request(url, { method: "HEAD", headers: ALWAYS, signal }, world);
  return offsetOf(response.headers);
}

function offsetOf(headers) {
  const said = headers?.get("Upload-Offset") ?? "";
  if (!/^\d{1,15}$/.test(said)) throw new Unreachable(new Error("an answer without an offset"));
  return Number(said);
}

/** The true offset of a 409, else null. */
function conflict(error, most) {
  if (!(error instanceof Refused) || error.status !== 409) return null;
  const said = error.headers?.get("Upload-Offset") ?? "";
  return /^\d{1,15}$/.test(said) && Number(said) <= most ? Number(said) : null;
}

/** Whether waiting may help: no answer, a busy server, or one that is being started anew. */
function passing(error) {
  return error instanceof Unreachable || (error instanceof Refused && (error.status >= 500 || [408, 423, 425, 429].includes(error.status)));
}

function pause(failures, signal, { wait = sleep, random = Math.random }) {
  return wait(delay(failures - 1, { random, cap: 20_000 }), signal);
}

/** A connection that comes back ends the waiting. */
function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, ms);
    globalThis.addEventListener?.("online", done);
    signal?.addEventListener("abort", stopped);
    function done() {
      clear();
      resolve();
    }
    function stopped() {
      clear();
      reject(signal.reason);
    }
    function clear() {
      clearTimeout(timer);
      globalThis.removeEventListener?.("online", done);
      signal?.removeEventListener("abort", stopped);
    }
  });
}
