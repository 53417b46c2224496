/**
 * What every page does once: registers the service worker, says when the network is gone, opens <dialog>s by name.
 *
 * <body data-text-offline="…"> gives the sentence. A button with data-opens="id" opens that <dialog class="sheet">, one
 * with data-closes closes the one it is in; in a plain form the dialog's content is reached by its own page.
 */

navigator.serviceWorker?.register("/sw.js").catch(() => {
  // Not allowed here (a private window, plain http): the pages work without it.
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-opens]");
  if (opener) {
    const dialog = document.getElementById(opener.dataset.opens);
    if (dialog?.showModal) {
      event.preventDefault();
      dialog.showModal();
    }
  }
  event.target.closest?.("[data-closes]")?.closest("dialog")?.close();
});

let banner = null;

function showNetwork() {
  if (navigator.onLine) {
    banner?.remove();
    banner = null;
    return;
  }
  if (banner || !document.body.dataset.textOffline) return;
  banner = document.createElement("p");
  banner.className = "toast";
  banner.setAttribute("role", "status");
  banner.textContent = document.body.dataset.textOffline;
  document.body.append(banner);
}

window.addEventListener("online", showNetwork);
window.addEventListener("offline", showNetwork);
showNetwork();
