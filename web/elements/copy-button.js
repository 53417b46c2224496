/**
 * <copy-button>: copies a value. Wraps a <button type="button" hidden>, which is shown where copying works.
 * Attributes: value, data-text-copied (said and shown for a moment).
 */

const SHOWN_MS = 2_000;

class CopyButton extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector("button");
    if (!navigator.clipboard || this.said) return;
    button.hidden = false;
    this.said = document.createElement("span");
    this.said.className = "visually-hidden";
    this.said.setAttribute("role", "status");
    this.append(this.said);
    const words = button.textContent;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(this.getAttribute("value") ?? "");
      button.textContent = this.said.textContent = this.dataset.textCopied ?? words;
      setTimeout(() => {
        button.textContent = words;
        this.said.textContent = "";
      }, SHOWN_MS);
    });
  }
}

customElements.define("copy-button", CopyButton);
