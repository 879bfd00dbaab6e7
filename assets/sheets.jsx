import { useEffect, useId, useRef, useState } from "react";

/* A button that opens a sheet below it; Escape closes it, and so does whatever happens outside. */
export function Disclosure({ children, label, shown, hidesLabel, className }) {
  const id = useId();
  const whole = useRef(null);
  const button = useRef(null);
  const sheet = useRef(null);
  const [open, setOpen] = useState(false);
  useEffect(() => {
    if (!open) return undefined;
    sheet.current.querySelector("button:not(:disabled), input:not(:disabled)")?.focus();
    const leave = (event) => {
      if (!whole.current.contains(event.target)) setOpen(false);
    };
    document.addEventListener("pointerdown", leave);
    document.addEventListener("focusin", leave);
    return () => {
      document.removeEventListener("pointerdown", leave);
      document.removeEventListener("focusin", leave);
    };
  }, [open]);
  const keys = (event) => {
    if (!open || event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    setOpen(false);
    button.current.focus();
  };
  return (
    <div className={`disclosure ${className || ""}`} ref={whole} onKeyDown={keys}>
      <button
        type="button"
        ref={button}
        className="native picker-button"
        aria-haspopup="dialog"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => setOpen(!open)}
      >
        <span className={hidesLabel ? "visually-hidden" : "muted"}>{label}: </span>
        {shown}
      </button>
      {open && (
        <div id={id} ref={sheet} className="disclosure-sheet" role="dialog" aria-label={label}>
          {children}
        </div>
      )}
    </div>
  );
}

const ABOVE = '[role="menu"], [role="alertdialog"], [role="dialog"]:not(.side-panel)';

/* A panel beside the page, which stays in use. It takes the focus for each new `mark`, and gives it back to what
   opened it. */
export function SidePanel({ children, label, close, mark, onClose }) {
  const panel = useRef(null);
  const title = useRef(null);
  const opener = useRef(null);
  const giveBack = () => {
    const now = document.activeElement;
    const isLost = !now || now === document.body || panel.current?.contains(now);
    if (isLost && opener.current?.isConnected) opener.current.focus();
  };
  useEffect(() => {
    const now = document.activeElement;
    if (now && now !== document.body && !panel.current.contains(now)) opener.current = now;
    panel.current.scrollTop = 0;
    title.current.focus({ preventScroll: true });
  }, [mark]);
  useEffect(() => giveBack, []); // also where something else closes it
  useEffect(() => {
    const keys = (event) => {
      if (event.key !== "Escape" || event.defaultPrevented || document.querySelector(ABOVE)) return;
      giveBack();
      onClose();
    };
    window.addEventListener("keydown", keys);
    return () => window.removeEventListener("keydown", keys);
  }, [onClose]);
  const leave = () => {
    giveBack();
    onClose();
  };
  return (
    <div className="side-panel" ref={panel} role="dialog" aria-label={label}>
      <div className="side-panel-head">
        <h2 ref={title} tabIndex={-1}>
          {label}
        </h2>
        <button type="button" className="plain-icon" aria-label={close} title={close} onClick={leave}>
          <svg width="16" height="16" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="2" aria-hidden="true">
            <path d="M18 6 6 18M6 6l12 12" />
          </svg>
        </button>
      </div>
      {children}
    </div>
  );
}
