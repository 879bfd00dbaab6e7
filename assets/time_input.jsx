import { useEffect, useId, useRef, useState } from "react";

import { whenReleased } from "./left.js";
import { readTime, stepTime } from "./time_words.js";

/* A time of day as text; the arrow keys move it by a quarter of an hour. `value` and what `onChange` is given are texts
   such as "09:30". In a form the field `name` holds that text, or what was typed if it is no time, so that the server
   refuses it too. */
export function TimeInput({ fieldId, name, value, label, describedBy, readOnly, required, isInvalid, words, onChange }) {
  const id = useId();
  const kept = useRef(null);
  const sent = useRef(value || "");
  const [text, setText] = useState(value || "");
  const [isWrong, setWrong] = useState(false);
  const current = readTime(text);

  const show = (next) => {
    sent.current = next || "";
    setText(next || "");
    setWrong(false);
  };
  useEffect(() => {
    if ((value || "") !== sent.current) show(value);
  }, [value]);
  useEffect(() => {
    const form = kept.current?.form;
    const reset = () => show(value);
    form?.addEventListener("reset", reset);
    return () => form?.removeEventListener("reset", reset);
  }, [value]);

  /* Take what is typed: a time is written out and sent, anything else is said to be none. */
  const take = (typed) => {
    const next = readTime(typed);
    if (required && next === "") return show(sent.current);
    setWrong(next === null);
    if (next === null) return;
    setText(next);
    if (next === sent.current) return;
    sent.current = next;
    onChange && onChange(next);
  };
  const keys = (event) => {
    if (event.key === "Enter") take(event.target.value);
    if (readOnly || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
    event.preventDefault();
    const next = stepTime(readTime(event.target.value), event.key === "ArrowUp" ? 1 : -1);
    setText(next);
    setWrong(false);
  };

  return (
    <span className="time-field">
      <input
        id={fieldId || undefined}
        className="native"
        value={text}
        placeholder={words.hint}
        aria-label={label || undefined}
        aria-required={required || undefined}
        aria-invalid={isWrong || isInvalid || undefined}
        aria-describedby={[isWrong ? `${id}-wrong` : "", describedBy].filter(Boolean).join(" ") || undefined}
        aria-keyshortcuts="ArrowUp ArrowDown"
        readOnly={readOnly}
        maxLength={20}
        autoComplete="off"
        onChange={(event) => {
          setText(event.target.value);
          setWrong(false);
        }}
        onBlur={whenReleased((event) => take(event.target.value))}
        onKeyDown={keys}
      />
      {name && <input ref={kept} type="hidden" name={name} value={current === null ? text : current} readOnly />}
      {isWrong && <span id={`${id}-wrong`} className="problem" role="alert">{words.wrong}</span>}
    </span>
  );
}
