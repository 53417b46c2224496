/**
 * From one screen of the ceremony to the next without waiting, where this browser can.
 *
 * A form with data-onward asks for the next screen at once instead of a redirect to it (on a phone's network that is half
 * a second); app.js puts the screen's own address (body data-address) into the address bar, and the part of it that the
 * address points at is scrolled to. `passkey` tells that this device may be asked for one.
 * While the person reads, the files in <template data-ahead> are fetched, and then the link with data-next: that changes
 * nothing on the server. Nothing of this is needed: without it the same forms and links work, slower.
 */

const part = document.body.dataset.address?.split("#")[1];
if (part) document.getElementById(part)?.scrollIntoView();

document.addEventListener("formdata", (event) => {
  if (!("onward" in event.target.dataset)) return;
  event.formData.set("onward", window.PublicKeyCredential ? "passkey" : "yes");
});

function ahead() {
  for (const template of document.querySelectorAll("template[data-ahead]")) document.head.append(template.content);
  // The header Speculation-Rules names links that are marked so; marking is what starts it.
  for (const link of document.querySelectorAll("a[data-next]")) link.dataset.ahead = "";
}

if (document.readyState === "complete") ahead();
else window.addEventListener("load", ahead, { once: true });
