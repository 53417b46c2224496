/**
 * Asking the server: a time limit on every request, and another try for those that may safely be repeated.
 *
 * A GET is repeated when the network failed or the server was busy (502, 503, 504, 429). Nothing else is: whoever sends
 * a change decides about repeating it. A refusal arrives as `Refused` with the server's code and sentence.
 */

import { delay } from "./backoff.js";

export const TIMEOUT_MS = 15_000;
const BUSY = new Set([429, 502, 503, 504]);

/** The server answered, and the answer was no. `code` and `message` are the server's own where it gave them. */
export class Refused extends Error {
  constructor(status, { code = "", message = "" } = {}, headers = null) {
    super(message || `HTTP ${status}`);
    this.name = "Refused";
    this.status = status;
    this.code = code;
    this.words = message;
    this.headers = headers;
  }
}

/** No answer: the network failed or the time was up. */
export class Unreachable extends Error {
  constructor(cause) {
    super("unreachable", { cause });
    this.name = "Unreachable";
  }
}

/**
 * The response of a request that succeeded. Options: method, body, json (sent as JSON), headers, signal,
 * keepalive, timeoutMs, retries (GET only). Throws Refused, Unreachable, or the signal's AbortError.
 */
export async function request(url, options = {}, world = {}) {
  const { fetch = globalThis.fetch, wait = pause, random = Math.random } = world;
  const method = options.method ?? "GET";
  const retries = method === "GET" ? (options.retries ?? 2) : 0;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await once(url, method, options, fetch);
    } catch (error) {
      const again = error instanceof Unreachable || (error instanceof Refused && BUSY.has(error.status));
      if (!again || attempt >= retries) throw error;
      await wait(delay(attempt, { random }), options.signal);
    }
  }
}

/** The JSON of a request that succeeded. */
export async function requestJson(url, options = {}, world = {}) {
  const headers = { Accept: "application/json", ...options.headers };
  const response = await request(url, { ...options, headers }, world);
  return response.json();
}

async function once(url, method, options, fetch) {
  const limit = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS);
  const signal = options.signal ? AbortSignal.any([options.signal, limit]) : limit;
  let response;
  try {
    response = await fetch(url, { ...sent(method, options), signal });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Unreachable(error);
  }
  if (!response.ok) throw new Refused(response.status, await reason(response), response.headers);
  return response;
}

function sent(method, { body, json, headers, keepalive }) {
  const all = { ...headers };
  if (json !== undefined) all["Content-Type"] = "application/json";
  return {
    method,
    headers: all,
    body: json === undefined ? body : JSON.stringify(json),
    credentials: "same-origin",
    keepalive: Boolean(keepalive),
  };
}

async function reason(response) {
  try {
    const told = await response.json();
    return typeof told === "object" && told ? told : {};
  } catch {
    return {};
  }
}

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
