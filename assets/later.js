/* What is typed is sent when the typing pauses, each field for itself, and at once when the field is left. */
const waiting = new WeakMap();

const sendNow = (event) => waiting.get(event.target)?.();

if (typeof document !== "undefined") {
  document.addEventListener("focusout", sendNow, true);
}

export const later = (send, pause) => (event, ...rest) => {
  const field = event.target;
  const timer = setTimeout(() => waiting.get(field)?.(), pause);
  waiting.get(field)?.forget?.();
  const run = () => {
    clearTimeout(timer);
    waiting.delete(field);
    send(event, ...rest);
  };
  run.forget = () => clearTimeout(timer);
  waiting.set(field, run);
};
