import { useEffect, useId, useLayoutEffect, useRef, useState } from "react";

import { whenReleased } from "./left.js";
import { dayTitle, monthTitle, plusDays, plusMonths, read, shown, today, weekday, weekdayName } from "./date_words.js";

const WEEKS = 6;
const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
const GAP = 4; // pixels between the field and the calendar

/* A date, or a date and a time, as text that is read in words of the language, with a calendar. `value` and what
   `onChange` is given are ISO texts in the company's time zone. In a form the field `name` holds the ISO text, or what
   was typed if that is no date, so that the server refuses it too. */
export function DateInput({ fieldId, name, value, label, describedBy, language, zone, withTime, readOnly, required, max, words, onChange }) {
  const id = useId();
  const field = useRef(null);
  const kept = useRef(null);
  const sheet = useRef(null);
  const sent = useRef(value || "");
  const [text, setText] = useState(shown(value, language));
  const [isWrong, setWrong] = useState(false);
  const [cursor, setCursor] = useState(""); // the day in the calendar that has the focus; "": the calendar is closed

  const options = { language, withTime, zone };
  const current = read(text, options);
  const chosen = current ? current.slice(0, 10) : "";

  const show = (next) => {
    sent.current = next || "";
    setText(shown(next, language));
    setWrong(false);
  };
  useEffect(() => {
    if ((value || "") !== sent.current) show(value);
  }, [value]);
  useEffect(() => {
    if (!isWrong) setText(shown(sent.current, language));
  }, [language]);
  useEffect(() => {
    const form = kept.current?.form;
    const reset = () => show(value);
    form?.addEventListener("reset", reset);
    return () => form?.removeEventListener("reset", reset);
  }, [value, language]);

  /* Take what is typed: a date is written out and sent, anything else is said to be none. */
  const take = (typed) => {
    const next = read(typed, options);
    if (required && next === "") return show(sent.current);
    const refused = next === null || Boolean(next && max && next > max);
    setWrong(refused);
    if (refused) return;
    setText(shown(next, language));
    if (next === sent.current) return;
    sent.current = next;
    onChange && onChange(next);
  };
  const close = () => {
    setCursor("");
    field.current.focus();
  };
  const pick = (day) => {
    const clock = withTime ? `T${(current || "").slice(11, 16) || "09:00"}` : "";
    take(`${day}${clock}`);
    close();
  };
  const open = () => !readOnly && setCursor(chosen || today(zone));

  useLayoutEffect(() => {
    if (!cursor) return;
    const box = sheet.current;
    const place = () => {
      const [at, size] = [field.current.getBoundingClientRect(), box.getBoundingClientRect()];
      const below = at.bottom + GAP + size.height <= window.innerHeight || at.top < size.height + GAP;
      box.style.top = `${below ? at.bottom + GAP : at.top - GAP - size.height}px`;
      box.style.left = `${Math.max(8, Math.min(at.left, window.innerWidth - size.width - 8))}px`;
    };
    box.showPopover?.();
    place();
    const keys = (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopImmediatePropagation(); // a dialog around it stays open
      close();
    };
    window.addEventListener("keydown", keys, true);
    window.addEventListener("resize", place);
    window.addEventListener("scroll", place, true);
    return () => {
      window.removeEventListener("keydown", keys, true);
      window.removeEventListener("resize", place);
      window.removeEventListener("scroll", place, true);
    };
  }, [Boolean(cursor)]);
  useLayoutEffect(() => {
    if (cursor) sheet.current.querySelector(`[data-day="${cursor}"]`)?.focus();
  }, [cursor]);

  const move = (event) => {
    if (event.key in STEPS) setCursor(plusDays(cursor, STEPS[event.key]));
    else if (event.key === "PageUp" || event.key === "PageDown") {
      setCursor(plusMonths(cursor, (event.key === "PageUp" ? -1 : 1) * (event.shiftKey ? 12 : 1)));
    } else if (event.key === "Home") setCursor(plusDays(cursor, -weekday(cursor)));
    else if (event.key === "End") setCursor(plusDays(cursor, 6 - weekday(cursor)));
    else return;
    event.preventDefault();
  };
  const leave = (event) => {
    if (!event.currentTarget.contains(event.relatedTarget)) setCursor("");
  };
  const month = cursor.slice(0, 7);
  const first = cursor && plusDays(`${month}-01`, -weekday(`${month}-01`));

  return (
    <div className="date-field" onBlur={leave}>
      <input
        ref={field}
        id={fieldId || undefined}
        className="native"
        value={text}
        placeholder={withTime ? words.hintTime : words.hint}
        aria-label={label || undefined}
        aria-required={required || undefined}
        aria-invalid={isWrong || undefined}
        aria-describedby={[isWrong ? `${id}-wrong` : "", describedBy].filter(Boolean).join(" ") || undefined}
        readOnly={readOnly}
        maxLength={40}
        autoComplete="off"
        onChange={(event) => {
          setText(event.target.value);
          setWrong(false);
        }}
        onBlur={whenReleased((event) => take(event.target.value))}
        onKeyDown={(event) => {
          if (event.key === "Enter") take(event.target.value);
          if (event.key !== "ArrowDown") return;
          event.preventDefault();
          open();
        }}
      />
      {name && <input ref={kept} type="hidden" name={name} value={current === null ? text : current} readOnly />}
      <button
        type="button"
        className="date-opener"
        aria-label={`${words.open}: ${label || words.date}`}
        aria-expanded={Boolean(cursor)}
        disabled={readOnly}
        onClick={() => (cursor ? close() : open())}
      >
        <svg width="16" height="16" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="2" aria-hidden="true">
          <rect x="3" y="4" width="18" height="18" rx="2" />
          <path d="M16 2v4M8 2v4M3 10h18" />
        </svg>
      </button>
      {isWrong && <span id={`${id}-wrong`} className="problem" role="alert">{withTime ? words.wrongTime : words.wrong}</span>}
      {cursor && (
        <div ref={sheet} popover="manual" className="date-sheet" role="dialog" aria-label={words.open}>
          <div className="date-head">
            <button type="button" aria-label={words.previous} onClick={() => setCursor(plusMonths(cursor, -1))}>‹</button>
            <span aria-live="polite">{monthTitle(cursor, language)}</span>
            <button type="button" aria-label={words.next} onClick={() => setCursor(plusMonths(cursor, 1))}>›</button>
          </div>
          <table role="grid" aria-label={monthTitle(cursor, language)} onKeyDown={move}>
            <thead>
              <tr>
                {[...Array(7).keys()].map((at) => (
                  <th key={at} scope="col" abbr={weekdayName(at, language, "long")}>{weekdayName(at, language, "short")}</th>
                ))}
              </tr>
            </thead>
            <tbody>
              {[...Array(WEEKS).keys()].map((week) => (
                <tr key={week}>
                  {[...Array(7).keys()].map((at) => {
                    const day = plusDays(first, week * 7 + at);
                    return (
                      <td key={day} aria-selected={day === chosen}>
                        <button
                          type="button"
                          data-day={day}
                          tabIndex={day === cursor ? 0 : -1}
                          className={day.slice(0, 7) === month ? "" : "other"}
                          aria-label={dayTitle(day, language)}
                          aria-current={day === today(zone) ? "date" : undefined}
                          disabled={Boolean(max) && day > max.slice(0, 10)}
                          onClick={() => pick(day)}
                        >
                          {Number(day.slice(8))}
                        </button>
                      </td>
                    );
                  })}
                </tr>
              ))}
            </tbody>
          </table>
          <div className="date-foot">
            <button type="button" onClick={() => pick(today(zone))}>{words.today}</button>
            {!required && text && (
              <button
                type="button"
                onClick={() => {
                  take("");
                  close();
                }}
              >
                {words.clear}
              </button>
            )}
          </div>
        </div>
      )}
    </div>
  );
}
