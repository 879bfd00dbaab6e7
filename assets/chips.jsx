import { useEffect, useRef, useState } from "react";
import { whenReleased } from "./left.js";

const MOST = 1_000; // characters of a value

/* Several texts as chips: Enter or a comma adds what is typed, Backspace in the empty field takes the last one away, and
   what is pasted is split at its lines. `onChange` is given the values, one per line. */
export function Chips({ values, label, remove, hint, readOnly, onChange }) {
  const [shown, setShown] = useState(values);
  const [typed, setTyped] = useState("");
  const sent = useRef(null);
  const field = useRef(null);
  const kept = values.join("\n");

  useEffect(() => {
    if (sent.current !== null && sent.current !== kept) return; // an older answer: more was typed since
    sent.current = null;
    setShown(values);
  }, [kept]);

  const change = (next) => {
    setShown(next);
    sent.current = next.join("\n");
    onChange && onChange(sent.current);
  };
  const add = (text) => {
    const more = text.split(/[\r\n]+/).map((one) => one.trim().slice(0, MOST)).filter(Boolean);
    const next = [...new Set([...shown, ...more])];
    setTyped("");
    if (next.length > shown.length) change(next);
  };
  const take = (at) => {
    change(shown.filter((_, place) => place !== at));
    field.current.focus();
  };
  const keys = (event) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Enter" || event.key === ",") {
      event.preventDefault();
      add(typed);
    } else if (event.key === "Backspace" && !typed && shown.length) {
      event.preventDefault();
      change(shown.slice(0, -1));
    }
  };
  const paste = (event) => {
    const text = event.clipboardData.getData("text");
    if (!/[\r\n]/.test(text)) return;
    event.preventDefault();
    add(typed + text);
  };

  return (
    <div className="chips-field" role="group" aria-label={label} onClick={() => field.current.focus()}>
      {shown.map((one, at) => (
        <span key={one} className="value-chip">
          <span className="clip">{one}</span>
          {!readOnly && (
            <button
              type="button"
              aria-label={remove.replace("{value}", () => one)}
              onClick={(event) => {
                event.stopPropagation();
                take(at);
              }}
            >
              ×
            </button>
          )}
        </span>
      ))}
      <input
        ref={field}
        value={typed}
        readOnly={readOnly}
        maxLength={MOST}
        aria-label={label}
        placeholder={shown.length ? "" : hint}
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={keys}
        onPaste={paste}
        onBlur={whenReleased(() => add(typed))}
      />
    </div>
  );
}
