import { useEffect, useRef } from "react";

/* A text field that sends with Enter and breaks the line with Shift+Enter; it never sends while a word is composed. */
export function Composer({ label, hint, initial, disabled, autoFocus }) {
  const area = useRef(null);
  const fit = () => {
    const box = area.current;
    if (!box) return;
    box.style.height = "auto";
    box.style.height = `${Math.min(box.scrollHeight, 220)}px`;
  };
  useEffect(() => {
    fit();
    if (autoFocus && area.current) area.current.focus();
  }, [autoFocus]);
  return (
    <textarea
      ref={area}
      name="text"
      className="composer"
      aria-label={label}
      placeholder={hint}
      defaultValue={initial}
      disabled={disabled}
      maxLength={20000}
      rows={1}
      onInput={fit}
      onKeyDown={(event) => {
        if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
          event.preventDefault();
          event.target.form.requestSubmit();
        }
      }}
    />
  );
}

/* Keeps the end of a talk in sight while one is at its end, and leaves one alone who reads further up. */
export function StickToEnd({ mark }) {
  const end = useRef(null);
  const stick = useRef(true);
  useEffect(() => {
    const box = end.current && end.current.parentElement;
    if (!box) return undefined;
    const look = () => {
      stick.current = box.scrollHeight - box.scrollTop - box.clientHeight < 80;
    };
    box.addEventListener("scroll", look, { passive: true });
    return () => box.removeEventListener("scroll", look);
  }, []);
  useEffect(() => {
    const box = end.current && end.current.parentElement;
    if (box && stick.current) box.scrollTop = box.scrollHeight;
  }, [mark]);
  return <div ref={end} />;
}
