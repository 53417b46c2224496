/**
 * <file-verifier>: judges a chosen PDF or evidence bundle here, in the browser, and shows the verdict in words. The file goes nowhere.
 *
 *   <file-verifier roots-url="…"> <ul hidden data-checks><li data-name data-good data-bad>… <ul hidden data-known><li data-name data-words>… <input id="file" type="file">
 *     <div data-result></div> … <input id="roots" type="file"></file-verifier>
 *
 * Attributes: roots-url (PEM of this house's roots), data-text-… (its sentences). The checks' own words stand in [data-checks],
 * those about a signer's identity in [data-known].
 */

import { isBundle, judgeBundle } from "../lib/verify/bundle.js";
import { judge } from "../lib/verify/judge.js";
import { known } from "../lib/verify/statements.js";
import { fill } from "../lib/words.js";

class FileVerifier extends HTMLElement {
  connectedCallback() {
    this.result = this.querySelector("[data-result]");
    this.file = this.querySelector("#file");
    this.rootsFile = this.querySelector("#roots");
    this.checks = new Map([...this.querySelectorAll("[data-checks] li")].map((li) => [li.dataset.name, li.dataset]));
    this.known = new Map([...this.querySelectorAll("[data-known] li")].map((li) => [li.dataset.name, li.dataset.words]));
    for (const input of [this.file, this.rootsFile]) input.addEventListener("change", () => this.#run());
    const drop = this.querySelector(".drop");
    for (const kind of ["dragenter", "dragover"]) drop.addEventListener(kind, (event) => this.#over(event, true));
    for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, (event) => this.#over(event, false));
    drop.addEventListener("drop", (event) => this.#dropped(event));
    if (this.file.files.length) this.#run();
    keepForLater();
  }

  #over(event, over) {
    event.preventDefault();
    this.classList.toggle("over", over);
  }

  #dropped(event) {
    if (!event.dataTransfer?.files.length) return;
    this.file.files = event.dataTransfer.files;
    this.#run();
  }

  async #run() {
    const chosen = this.file.files[0];
    if (!chosen) return;
    this.result.replaceChildren(paragraph(this.dataset.textWorking));
    try {
      const bytes = new Uint8Array(await chosen.arrayBuffer());
      const how = { roots: await this.#roots() };
      const verdict = await (isBundle(bytes) ? judgeBundle(bytes, how) : judge(bytes, how));
      this.#show(verdict, verdict.pdf ?? bytes);
    } catch {
      this.result.replaceChildren(paragraph(this.dataset.textUnreadable, "notice error"));
    }
  }

  async #roots() {
    const own = this.rootsFile.files[0];
    if (own) return own.text();
    try {
      const response = await fetch(this.getAttribute("roots-url"));
      if (response.ok) return await response.text();
    } catch {
      // Said below: without roots nobody's name is trusted.
    }
    this.rootsFile.closest("details").open = true;
    this.append(paragraph(this.dataset.textRoots, "notice warn"));
    return "";
  }

  #show(verdict, bytes) {
    const text = this.dataset;
    const open = verdict.signers.filter((one) => one.ok && !verdict.closed.includes(one.contractId));
    const summary = element("section", `notice ${verdict.ok ? "success" : "error"}`);
    summary.append(element("h2", "", verdict.ok ? text.textHolds : text.textFails));
    if (verdict.recorded) summary.append(paragraph(text.textRecord));
    else if (verdict.reported) summary.append(paragraph(text.textReport));
    else if (!verdict.signers.length) summary.append(paragraph(text.textNone));
    for (const signer of verdict.signers) summary.append(...this.#said(signer));
    if (verdict.tailed) summary.append(paragraph(text.textTail));
    for (const one of open) summary.append(paragraph(fill(text.textOpen, one)));
    if (verdict.bundle?.some((check) => !check.ok)) summary.append(paragraph(text.textBundleBad));
    const parts = [...verdict.signers, ...verdict.seals, ...verdict.timestamps, ...verdict.foreign];
    const log = verdict.bundle ? [this.#log(verdict.bundle)] : [];
    this.result.replaceChildren(summary, ...parts.map((one) => this.#part(one, bytes)), ...log);
  }

  /** What a bundle has besides the document. */
  #log(checks) {
    const details = element("details", "card verdict");
    details.open = checks.some((check) => !check.ok);
    details.append(element("summary", "", this.dataset.textBundle));
    const list = element("ul");
    for (const { name, ok, who, times } of checks) {
      const facts = [who, ...(times ?? []).map((time) => time && exact(time.toISOString()))].filter(Boolean);
      list.append(this.#line({ name: `bundle:${name}`, ok, facts }));
    }
    details.append(list);
    return details;
  }

  #part(one, bytes) {
    const titles = { signer: "textSigner", seal: "textSeal", timestamp: "textTimestamp", foreign: "textForeign" };
    const details = element("details", "card verdict");
    details.open = !one.ok;
    details.append(element("summary", "", fill(this.dataset[titles[one.kind]], named(one))));
    details.append(paragraph(one.time ? fill(this.dataset.textTime, { time: exact(one.time) }) : this.dataset.textNotime, "soft"));
    const list = element("ul");
    for (const check of one.checks) list.append(this.#line(check));
    details.append(list);
    if (one.shownBytes) details.append(this.#shown(one, bytes));
    return details;
  }

  /** What was proven of this signer, then what the platform says it knows of the person. */
  #said(signer) {
    const sentence = paragraph(fill(sentenceOf(signer, this.dataset), named(signer)));
    const { parts, kind, said } = known(signer.identity);
    if (!signer.ok || !parts.length) return [sentence];
    const filled = { ...said, document: `${this.known.get(kind)} ${said.document}` };
    return [sentence, paragraph(parts.map((part) => fill(this.known.get(part), filled)).join(" "), "soft")];
  }

  #line({ name, ok, why, facts }) {
    const words = this.checks.get(name);
    const line = element("li", ok ? "" : "fails");
    const said = element("span", "", (ok ? words?.good : words?.bad) ?? name);
    if (!ok && why?.length) said.append(element("code", "small block", why.join(", ")));
    if (facts?.length) said.append(element("span", "soft small block", facts.join(", ")));
    line.append(said);
    return line;
  }

  /** A link that saves the very bytes that this signer was shown. */
  #shown(one, bytes) {
    const link = element("a", "button", fill(this.dataset.textShown, one));
    link.href = URL.createObjectURL(new Blob([bytes.subarray(0, one.shownBytes)], { type: "application/pdf" }));
    link.download = `${one.documentSha256.slice(0, 8)}.pdf`;
    return link;
  }
}

/** With the enterprise that was signed for, beside the signer's own name. */
function named(one) {
  return one.organisation ? { ...one, name: `${one.name} · ${one.organisation}` } : one;
}

/** A page that came before the service worker, which may have taken over since, is asked for once more, so that the worker keeps it. */
async function keepForLater() {
  const worker = navigator.serviceWorker;
  if (!worker) return;
  if (!worker.controller) await new Promise((done) => worker.addEventListener("controllerchange", done, { once: true }));
  if (!(await caches.match(location.pathname, { ignoreVary: true }))) fetch(location.pathname).catch(() => undefined);
}

function sentenceOf(signer, text) {
  if (!signer.ok) return text.textBad;
  if (signer.proof !== "device") return text.textPlatform;
  return byALink(signer.identity ?? {}) ? text.textDeviceLink : text.textDevice;
}

/** Says no more of the device than that its holder had a link: its person has not called it theirs since. */
function byALink({ passkey_set_up: how, passkey_kept_at: kept }) {
  return ["this_link", "another_link"].includes(how) && !kept;
}

/** To the second, in UTC, as the rest of the house writes times. */
function exact(iso) {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}

function element(name, classes = "", words = "") {
  const made = document.createElement(name);
  if (classes) made.className = classes;
  made.textContent = words;
  return made;
}

function paragraph(words, classes = "") {
  return element("p", classes, words);
}

customElements.define("file-verifier", FileVerifier);
