/**
 * <own-zone>: fills in the time zone of this browser. Wraps one <input> or <select>; a value other than "" and "UTC" stays.
 * A zone that a <select> does not offer is left alone. No attributes, no events; without scripts the field is a plain one.
 */

class OwnZone extends HTMLElement {
  connectedCallback() {
    const field = this.querySelector("input, select");
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (!field || !zone || !["", "UTC"].includes(field.value)) return;
    const before = field.value;
    field.value = zone;
    if (field.value !== zone) field.value = before;
  }
}

customElements.define("own-zone", OwnZone);
