import { useEffect, useRef, useState } from "react";

import { find, forget, keep, tell } from "./unsent.js";

const COMPARED = 500; // characters by which a text is known to have been taken
const TYPING = 2_500; // milliseconds between two reports that somebody types
const PATIENCE = 10_000; // milliseconds in which a message that is being sent is not sent again

/* Shows a text that grows while it is rewritten, and puts the result into the field; until then the text stays kept. */
const useRewriting = (area, put, keepText, { draftKey, rewriteKey, isRewriting, liveText, replaceText, replaceCount }) => {
  const isLive = Boolean(isRewriting) && rewriteKey === draftKey;
  const before = useRef(null);
  const replaced = useRef(replaceCount);
  useEffect(() => {
    const box = area.current;
    const isNew = Boolean(replaceCount) && replaceCount !== replaced.current;
    replaced.current = replaceCount;
    if (isLive) {
      if (!before.current) before.current = { key: draftKey, text: box.value };
      if (liveText) put(liveText);
      return;
    }
    const was = before.current;
    before.current = null;
    if (isNew && rewriteKey === draftKey) {
      put(replaceText);
      keepText(replaceText);
      box.focus();
      box.selectionStart = box.selectionEnd = box.value.length;
    } else if (was && was.key === draftKey) put(was.text);
  }, [isLive, liveText, replaceCount, draftKey]);
  return isLive;
};

/* A text field that sends with Enter and breaks the line with Shift+Enter; it never sends while a word is composed.

With `draftKey` the text stays in the field, and in this browser, until `sentCount` says that the server has it. */
export function Composer({ label, hint, initial, disabled, autoFocus, draftKey, sentCount, failedCount, lastSent, insertText, insertCount, onTyping, ...rewriting }) {
  const area = useRef(null);
  const sending = useRef(null);
  const typedAt = useRef(0);
  const known = useRef({ key: "", sent: sentCount });
  const fit = () => {
    const box = area.current;
    if (!box) return;
    box.style.height = "auto";
    box.style.height = `${Math.min(box.scrollHeight, 220)}px`;
  };
  const put = (text) => {
    area.current.value = text;
    fit();
  };
  const place = (key) => (key ? `talk:${key}` : "");
  const [narrow, setNarrow] = useState(false);
  useEffect(() => setNarrow(window.matchMedia("(max-width: 520px)").matches), []);
  useEffect(() => {
    fit();
    if (autoFocus && area.current) area.current.focus();
  }, [autoFocus, draftKey]);
  useEffect(fit, [narrow]); // an empty field is as high as its hint
  useEffect(() => {
    let width = 0;
    const watch = new ResizeObserver(([one]) => {
      if (one.contentRect.width === width) return;
      width = one.contentRect.width;
      requestAnimationFrame(fit);
    });
    watch.observe(area.current);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    const box = area.current;
    const before = known.current;
    known.current = { key: draftKey, sent: sentCount };
    if (!box || !draftKey) return;
    let rest = null;
    if (sentCount !== before.sent && sending.current) {
      const { text, key } = sending.current;
      sending.current = null;
      forget(place(key));
      rest = box.value.startsWith(text) ? box.value.slice(text.length).trimStart() : box.value;
      put(rest);
    }
    if (draftKey === before.key) return;
    if (rest) return keep(place(draftKey), rest);
    const kept = find(place(draftKey));
    const isThere = kept && kept.isSent && kept.text.trim().slice(0, COMPARED) === (lastSent || "");
    if (isThere) forget(place(draftKey));
    if (kept && !isThere && kept.at < performance.timeOrigin) tell(place(draftKey));
    put(kept && !isThere ? kept.text : "");
  }, [draftKey, sentCount]);
  useEffect(() => {
    sending.current = null;
  }, [failedCount]);
  const inserted = useRef(insertCount);
  useEffect(() => {
    const box = area.current;
    if (!box || !insertCount || insertCount === inserted.current) return;
    inserted.current = insertCount;
    const before = box.value.slice(0, box.selectionEnd);
    const gap = before && !/\s$/.test(before) ? " " : "";
    put(before + gap + insertText + box.value.slice(box.selectionEnd));
    keep(place(draftKey), box.value);
    document.getElementById("write-reply")?.click(); // the field may be hidden while a note is written
    box.focus();
    box.selectionStart = box.selectionEnd = (before + gap + insertText).length;
  }, [insertCount, draftKey]);
  const isLive = useRewriting(area, put, (text) => keep(place(draftKey), text), { draftKey, ...rewriting });
  useEffect(() => {
    const form = area.current && area.current.form;
    if (!form) return undefined;
    const again = () => requestAnimationFrame(fit);
    const submit = (event) => {
      const now = sending.current;
      if (!draftKey) return;
      if (area.current.readOnly || !area.current.value.trim() || (now && Date.now() - now.at < PATIENCE)) {
        event.preventDefault();
        event.stopPropagation();
        return;
      }
      sending.current = { text: area.current.value, key: draftKey, at: Date.now() };
      keep(place(draftKey), area.current.value, { isSent: true });
    };
    form.addEventListener("reset", again);
    form.addEventListener("submit", submit);
    return () => {
      form.removeEventListener("reset", again);
      form.removeEventListener("submit", submit);
    };
  }, [draftKey]);
  return (
    <textarea
      ref={area}
      name="text"
      className="composer"
      aria-label={label}
      placeholder={narrow ? label : hint}
      defaultValue={initial}
      disabled={disabled}
      readOnly={isLive}
      aria-busy={isLive}
      maxLength={20000}
      rows={1}
      onInput={(event) => {
        fit();
        if (onTyping && event.target.value.trim() && Date.now() - typedAt.current > TYPING) {
          typedAt.current = Date.now();
          onTyping();
        }
        keep(place(draftKey), event.target.value);
      }}
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
