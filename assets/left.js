/* A field that is left with the pointer waits until the pointer is released: what appears at the field before that would
   move the thing that is being pressed, which then hears nothing. */
let pressed = false;

if (typeof document !== "undefined") {
  document.addEventListener("pointerdown", () => (pressed = true), true);
  for (const kind of ["pointerup", "pointercancel"]) document.addEventListener(kind, () => (pressed = false), true);
}

export const whenReleased = (act) => (...given) => {
  if (!pressed) {
    act(...given);
    return;
  }
  const end = () => {
    for (const kind of ["pointerup", "pointercancel"]) document.removeEventListener(kind, end, true);
    setTimeout(() => act(...given), 0); // after the click
  };
  for (const kind of ["pointerup", "pointercancel"]) document.addEventListener(kind, end, true);
};
