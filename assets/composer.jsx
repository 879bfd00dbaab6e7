import { useEffect, useRef, useState } from "react";

/* A text field that sends with Enter and breaks the line with Shift+Enter; it never sends while a word is composed. */
export function Composer({ label, hint, initial, disabled, autoFocus, kept, keptKey, focusKey }) {
  const area = useRef(null);
  const fit = () => {
    const box = area.current;
    if (!box) return;
    box.style.height = "auto";
    box.style.height = `${Math.min(box.scrollHeight, 220)}px`;
  };
  const [narrow, setNarrow] = useState(false);
  useEffect(() => setNarrow(window.matchMedia("(max-width: 520px)").matches), []);
  useEffect(() => {
    fit();
    if (autoFocus && area.current) area.current.focus();
  }, [autoFocus, focusKey]);
  useEffect(() => {
    const box = area.current;
    if (!box || !kept) return;
    box.value = box.value ? `${kept}\n${box.value}` : kept;
    fit();
  }, [keptKey]);
  useEffect(() => {
    const form = area.current && area.current.form;
    if (!form) return undefined;
    const again = () => requestAnimationFrame(fit);
    form.addEventListener("reset", again);
    return () => form.removeEventListener("reset", again);
  }, []);
  return (
    <textarea
      ref={area}
      name="text"
      className="composer"
      aria-label={label}
      placeholder={narrow ? label : hint}
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
export function StickToEnd({ mark, force }) {
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
  useEffect(() => {
    const box = end.current && end.current.parentElement;
    stick.current = true;
    if (box) box.scrollTop = box.scrollHeight;
  }, [force]);
  return <div ref={end} />;
}

/* Counts seconds down; the pattern holds {count}. */
export function Countdown({ seconds, pattern }) {
  const [left, setLeft] = useState(seconds);
  useEffect(() => {
    const end = Date.now() + seconds * 1000;
    setLeft(seconds);
    const timer = setInterval(() => setLeft(Math.max(0, Math.ceil((end - Date.now()) / 1000))), 250);
    return () => clearInterval(timer);
  }, [seconds]);
  return (
    <span className="muted" aria-live="off">
      {(pattern || "").replace("{count}", left)}
    </span>
  );
}
