import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import vm from "node:vm";

import { destination, notification } from "../../web/sw/push.js";
import { mayKeep, offlinePage, stale, strategy } from "../../web/sw/rules.js";

const ORIGIN = "https://sign.example";
const ask = (path, { method = "GET", mode = "no-cors", origin = ORIGIN } = {}) =>
  strategy({ method, mode, url: origin + path, origin: ORIGIN });

test("nothing private is ever kept, whatever it is asked as", () => {
  const paths = ["/s/token", "/s/token/pages/1?w=780", "/live", "/live?ticket=x", "/dev/inbox", "/authority/root.crl", "/api/v1/x"];
  for (const path of paths) {
    assert.equal(ask(path), "network", path);
    assert.equal(ask(path, { mode: "navigate" }), "page", path);
  }
});

test("files with a release in their path are kept, and no other file of ours is", () => {
  assert.equal(ask("/static/1a2b/elements/ink-pad.js"), "versioned");
  assert.equal(ask("/static/1a2b/styles/base.css"), "versioned");
  assert.equal(ask("/static/1a2b/workers/face-watch.js"), "versioned");
  assert.equal(ask("/static/1a2b/vendor/human/facemesh.bin"), "versioned");
  assert.equal(ask("/static/1a2b/pages/base.html"), "network");
  assert.equal(ask("/contracts/1/sealed.pdf"), "network");
  assert.equal(ask("/sw.js"), "network");
});

test("pages come from the network, with the offline page in need", () => {
  assert.equal(ask("/contracts", { mode: "navigate" }), "page");
  assert.equal(ask("/offline"), "shell");
});

test("the verifier's page and the roots that it trusts are kept, and nothing else of the authority is", () => {
  assert.equal(ask("/verify", { mode: "navigate" }), "kept");
  assert.equal(ask("/authority/roots.pem"), "kept");
  for (const path of ["/authority/crl/1.crl", "/authority/head.json", "/authority/roots.pem/x", "/verify/x"]) {
    assert.equal(ask(path), "network", path);
  }
});

test("nothing that changes the world is touched, and nobody else's files are", () => {
  assert.equal(ask("/s/token/sign", { method: "POST", mode: "navigate" }), "network");
  assert.equal(ask("/static/1/elements/x.js", { method: "HEAD" }), "network");
  assert.equal(ask("/static/1/elements/x.js", { origin: "https://other.example" }), "network");
});

test("only whole, successful answers of ours that are not private are kept", () => {
  const good = { ok: true, status: 200, type: "basic", cacheControl: "public, max-age=9" };
  assert.equal(mayKeep(good), true);
  const bad = [{ status: 206 }, { ok: false, status: 404 }, { type: "opaque" }, { cacheControl: "no-store" }, { cacheControl: "private" }];
  for (const change of bad) assert.equal(mayKeep({ ...good, ...change }), false, JSON.stringify(change));
});

test("caches of earlier releases go, other people's stay", () => {
  assert.deepEqual(stale(["countersign-1", "countersign-2", "theirs"], "countersign-2"), ["countersign-1"]);
});

test("a push that cannot be read is still a notification", () => {
  const house = { title: "House", icon: "/i.png", badge: "/b.png" };
  assert.equal(notification("not json", house).title, "House");
  assert.equal(notification("null", house).options.data.url, "/");
  const declared = notification('{"web_push":8030,"notification":{"title":"T","navigate":"/c/1"}}', house);
  assert.deepEqual([declared.title, declared.options.data.url], ["T", "/c/1"]);
});

test("a notification opens only our own pages", () => {
  assert.equal(destination("/c/1", ORIGIN), `${ORIGIN}/c/1`);
  assert.equal(destination("https://evil.example/", ORIGIN), `${ORIGIN}/`);
  assert.equal(destination("javascript:alert(1)", ORIGIN), `${ORIGIN}/`);
  assert.equal(destination(undefined, ORIGIN), `${ORIGIN}/`);
});

/** The one classic script that the server makes, run with a small stand-in for a worker's world. */
function worker(network) {
  const house = { version: "2", files: ["/static/2/styles/base.css"], offline: { en: "/offline?lang=en", "zh-Hans": "/offline?lang=zh_Hans_CN" }, kept: { "/verify": ["/authority/roots.pem", "/static/2/lib/verify/judge.js"] }, title: "House" };
  const texts = ["rules", "push", "sw"].map((name) => readFileSync(new URL(`../../web/sw/${name}.js`, import.meta.url), "utf8"));
  const script = texts.join("\n").replace(/^import .*$/gm, "").replace(/^export /gm, "");
  const caches = new Map([["countersign-1", new Map()], ["theirs", new Map()]]);
  const key = (request) => (typeof request === "string" ? `${ORIGIN}${request}` : request.url);
  const cacheOf = (name) => ({
    addAll: async (requests) => {
      for (const request of requests) caches.get(name).set(request.url, await network(request));
    },
    put: async (request, response) => caches.get(name).set(key(request), response),
  });
  const heard = {};
  const self = {
    HOUSE: house,
    location: { origin: ORIGIN },
    addEventListener: (kind, listener) => (heard[kind] = listener),
    skipWaiting: async () => undefined,
    clients: { claim: async () => undefined },
    registration: { shown: [], showNotification: async (...shown) => self.registration.shown.push(shown) },
  };
  const storage = {
    open: async (name) => {
      if (!caches.has(name)) caches.set(name, new Map());
      return cacheOf(name);
    },
    keys: async () => [...caches.keys()],
    delete: async (name) => caches.delete(name),
    match: async (request) => [...caches.values()].map((cache) => cache.get(key(request))).find(Boolean),
  };
  class Asked {
    constructor(path, options) {
      Object.assign(this, { url: ORIGIN + path, ...options });
    }
  }
  vm.runInNewContext(script, { self, caches: storage, fetch: network, Request: Asked, Response, URL });
  const fire = async (kind, event = {}) => {
    const promises = [];
    let answer;
    heard[kind]({ ...event, waitUntil: (promise) => promises.push(promise), respondWith: (promise) => (answer = promise) });
    const answered = await answer;
    await Promise.all(promises);
    return answered;
  };
  const get = (path, more = {}) => fire("fetch", { request: { method: "GET", mode: "no-cors", url: ORIGIN + path, ...more } });
  return { caches, fire, get, self };
}

const answering = (text) => {
  const response = new Response(text, { status: 200 });
  Object.defineProperty(response, "type", { value: "basic" });
  return response;
};

test("the worker keeps its shell, drops earlier releases, and answers a lost page with the offline page", async () => {
  let up = true;
  const there = worker(async (request) => {
    if (!up) throw new TypeError("down");
    return answering(request.url);
  });
  await there.fire("install");
  await there.fire("activate");
  assert.deepEqual([...there.caches.keys()].sort(), ["countersign-2", "theirs"]);
  up = false;
  const lost = await there.get("/contracts", { mode: "navigate" });
  assert.equal(await lost.text(), `${ORIGIN}/offline?lang=en`);
  const kept = await there.get("/static/2/styles/base.css");
  assert.equal(await kept.text(), `${ORIGIN}/static/2/styles/base.css`);
});

test("the worker stays out of a signer's requests and keeps none of them", async () => {
  const there = worker(async (request) => answering(request.url));
  await there.fire("install");
  assert.equal(await there.get("/s/token/pages/1"), undefined);
  await there.get("/s/token", { mode: "navigate" });
  const kept = [...there.caches.values()].flatMap((cache) => [...cache.keys()]);
  assert.equal(kept.some((url) => url.includes("/s/")), false);
});

test("the offline page is in the language of the last page, a signer's page too", async () => {
  let up = true;
  const there = worker(async (request) => {
    if (!up) throw new TypeError("down");
    const response = answering(request.url);
    response.headers.set("Content-Language", "zh-Hans");
    return response;
  });
  await there.fire("install");
  await there.get("/s/token", { mode: "navigate" });
  up = false;
  const lost = await there.get("/s/token/sign", { mode: "navigate" });
  assert.equal(await lost.text(), `${ORIGIN}/offline?lang=zh_Hans_CN`);
});

test("a page that was asked for while the worker woke up is not asked for again", async () => {
  let asked = 0;
  const there = worker(async (request) => {
    asked += 1;
    return answering(request.url);
  });
  await there.fire("install");
  asked = 0;
  const request = { method: "GET", mode: "navigate", url: `${ORIGIN}/contracts` };
  const answer = await there.fire("fetch", { request, preloadResponse: Promise.resolve(answering("early")) });
  assert.equal(await answer.text(), "early");
  assert.equal(asked, 0);
});

test("the offline page is the reader's own, else the first", () => {
  const pages = { en: "/e", "zh-Hans": "/z" };
  const wishes = ["zh-Hans", "zh-CN", "en-GB", "pt-BR", "", undefined];
  assert.deepEqual(wishes.map((wish) => offlinePage(pages, wish)), ["/z", "/z", "/e", "/e", "/e", "/e"]);
});

test("the worker shows what was pushed", async () => {
  const there = worker(async (request) => answering(request.url));
  await there.fire("push", { data: { text: () => '{"title":"Signed","url":"/contracts/1"}' } });
  assert.equal(there.self.registration.shown[0][0], "Signed");
});

test("the verifier's page works without a network once it has been visited, with all that it needs", async () => {
  let up = true;
  const there = worker(async (request) => {
    if (!up) throw new TypeError("down");
    return answering(request.url);
  });
  await there.fire("install");
  await there.get("/verify?lang=en", { mode: "navigate" });
  up = false;
  assert.equal(await (await there.get("/verify", { mode: "navigate" })).text(), `${ORIGIN}/verify?lang=en`);
  assert.equal(await (await there.get("/authority/roots.pem")).text(), `${ORIGIN}/authority/roots.pem`);
  assert.equal(await (await there.get("/static/2/lib/verify/judge.js")).text(), `${ORIGIN}/static/2/lib/verify/judge.js`);
});

test("a verifier's page that was never visited is the offline page, and an install keeps what was visited before", async () => {
  let up = false;
  const there = worker(async (request) => {
    if (!up) throw new TypeError("down");
    return answering(request.url);
  });
  up = true;
  await there.fire("install");
  up = false;
  assert.equal(await (await there.get("/verify", { mode: "navigate" })).text(), `${ORIGIN}/offline?lang=en`);
  there.caches.get("countersign-1").set(`${ORIGIN}/verify`, answering("of the release before"));
  up = true;
  await there.fire("install");
  await there.fire("activate");
  up = false;
  assert.equal(await (await there.get("/verify", { mode: "navigate" })).text(), `${ORIGIN}/verify`);
  assert.equal(await (await there.get("/authority/roots.pem")).text(), `${ORIGIN}/authority/roots.pem`);
});
