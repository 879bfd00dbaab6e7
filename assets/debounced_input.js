/* What is typed is sent when the typing pauses, each field for itself, and at once when the field is left.

Until then, and for a moment longer, it is kept in this browser: a reload or a lost connection loses nothing. */
import { find, forget, keep, placesBelow, tell } from "./unsent.js";

const waiting = new WeakMap();
const fields = new Set();
const ARRIVES = 4_000; // milliseconds in which the server has taken what was sent

const sendNow = (event) => waiting.get(event.target)?.();
const sendAll = () => fields.forEach((field) => waiting.get(field)?.());

if (typeof document !== "undefined") {
  document.addEventListener("focusout", sendNow, true);
  window.addEventListener("pagehide", sendAll);
}

const placeOf = (field) => (field.id && field.type !== "password" ? `field:${window.location.pathname}#${field.id}` : "");

export const debounced = (send, pause) => (event, ...rest) => {
  const field = event.target;
  const timer = setTimeout(() => waiting.get(field)?.(), pause);
  waiting.get(field)?.forget?.();
  const place = placeOf(field);
  const text = field.value;
  keep(place, text || " ", { isEmpty: !text });
  const run = () => {
    clearTimeout(timer);
    waiting.delete(field);
    fields.delete(field);
    send(event, ...rest);
    setTimeout(() => navigator.onLine && !waiting.has(field) && forget(place), ARRIVES);
  };
  run.forget = () => clearTimeout(timer);
  waiting.set(field, run);
  fields.add(field);
};

/* Put a kept text into its field as if it were typed, unless the server has it already. */
const restore = (place) => {
  const kept = find(place);
  const found = document.querySelectorAll(`[id="${CSS.escape(place.slice(place.indexOf("#") + 1))}"]`);
  if (!kept || found.length !== 1) return;
  const [field] = found;
  if (!["INPUT", "TEXTAREA"].includes(field.tagName) || field.readOnly || field.disabled || waiting.has(field)) return;
  forget(place);
  if (field.value === kept.text) return;
  const setter = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), "value").set;
  setter.call(field, kept.text);
  field.dispatchEvent(new Event("input", { bubbles: true }));
  tell(place);
};

/* Give the fields of the page back what was typed and not sent, as soon as they are drawn; return what stops it. */
export const restoreUnsent = () => {
  const look = () => placesBelow(`field:${window.location.pathname}#`).forEach((place) => {
    const field = document.getElementById(place.slice(place.indexOf("#") + 1));
    if (field && !fields.has(field) && !seen.has(field)) {
      seen.add(field);
      requestAnimationFrame(() => restore(place));
    }
  });
  const seen = new WeakSet();
  look();
  const watch = new MutationObserver(look);
  watch.observe(document.body, { childList: true, subtree: true });
  return () => watch.disconnect();
};
