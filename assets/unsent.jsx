import { useEffect, useState } from "react";

import { hasAny, setPerson, wasRestored } from "./unsent.js";
import { restoreUnsent } from "./debounced_input.js";

/* Says that text typed before is back in its field; it also tells the other parts whose text is kept. */
export function UnsentNote({ person, words, dismiss }) {
  const [shown, setShown] = useState(false);
  setPerson(person);
  useEffect(() => {
    const show = () => setShown(true);
    window.addEventListener("unsent-restored", show);
    if (wasRestored()) show(); // a field that was drawn before this note
    const stop = restoreUnsent();
    return () => {
      window.removeEventListener("unsent-restored", show);
      stop();
    };
  }, [person]);
  return (
    <div role="status" className={shown ? "undo-bar unsent-note" : "visually-hidden"}>
      {shown && (
        <>
          <span>{words}</span>
          <button type="button" onClick={() => setShown(false)}>
            {dismiss}
          </button>
        </>
      )}
    </div>
  );
}

/* Says on the sign-in page, to which a lost session leads, that what was typed is kept. */
export function UnsentKept({ words }) {
  const [shown, setShown] = useState(false);
  useEffect(() => setShown(hasAny() && new URLSearchParams(window.location.search).has("next")), []);
  return shown ? (
    <p role="status" className="notice small">
      {words}
    </p>
  ) : null;
}
