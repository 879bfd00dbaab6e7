import { useId, useLayoutEffect, useRef, useState } from "react";

const folded = (text) => text.toLowerCase().replaceAll("ё", "е");

/* A button that opens a list which is searched as one types: arrows choose, Enter takes, Escape closes. The options
   lie inside, each with data-option; what stands in one is what it is found by. Groups without a match are hidden.
   `onPickText` is given the text of the field that the selector `textOf` names, too. `name` is the id of the button. */
export function Picker({ children, label, shown, search, nothing, value, disabled, textOf, name, className, onPick, onPickText }) {
  const id = useId();
  const whole = useRef(null);
  const button = useRef(null);
  const list = useRef(null);
  const [open, setOpen] = useState(false);
  const [typed, setTyped] = useState("");
  const [active, setActive] = useState("");

  const options = () => [...list.current.querySelectorAll("[data-option]")].filter((one) => !one.hidden);

  useLayoutEffect(() => {
    if (!open) return;
    const words = folded(typed).split(/\s+/).filter(Boolean);
    for (const one of list.current.querySelectorAll("[data-option]")) {
      const text = folded(one.textContent);
      one.hidden = !words.every((word) => text.includes(word));
    }
    for (const group of list.current.querySelectorAll("[role=group]")) {
      group.hidden = !group.querySelector("[data-option]:not([hidden])");
    }
    const left = options();
    const marked = left.find((one) => one.dataset.option === active) || left[0];
    for (const [at, one] of [...list.current.querySelectorAll("[data-option]")].entries()) {
      one.id = `${id}-${at}`;
      one.setAttribute("aria-selected", one === marked ? "true" : "false");
    }
    const input = whole.current.querySelector("input");
    if (marked) input.setAttribute("aria-activedescendant", marked.id);
    else input.removeAttribute("aria-activedescendant");
    if (marked) marked.scrollIntoView({ block: "nearest" });
    list.current.dataset.empty = left.length ? "" : "yes";
  });

  const show = () => {
    setTyped("");
    setActive(value || "");
    setOpen(true);
  };
  const close = () => {
    setOpen(false);
    button.current.focus();
  };
  const take = (code) => {
    close();
    if (code !== value || !value) onPick && onPick(code);
    onPickText && onPickText(code, document.querySelector(textOf)?.value || "");
  };
  const move = (by) => {
    const left = options();
    const at = left.findIndex((one) => one.getAttribute("aria-selected") === "true");
    if (left.length) setActive(left[(at + by + left.length) % left.length].dataset.option);
  };
  const keys = (event) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") move(event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "Enter") {
      const marked = options().find((one) => one.getAttribute("aria-selected") === "true");
      if (marked) take(marked.dataset.option);
    } else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const leave = (event) => {
    if (!whole.current.contains(event.relatedTarget)) setOpen(false);
  };

  return (
    <div className={`picker ${className || ""}`} ref={whole} onBlur={leave}>
      <button
        type="button"
        ref={button}
        id={name || undefined}
        className="native picker-button"
        disabled={disabled}
        aria-haspopup="listbox"
        aria-expanded={open}
        aria-labelledby={`${id}-label ${id}-shown`}
        onClick={() => (open ? close() : show())}
        onKeyDown={(event) => {
          if (!open && event.key === "ArrowDown") {
            event.preventDefault();
            show();
          }
        }}
      >
        <span id={`${id}-label`} className="visually-hidden">{label}</span>
        <span id={`${id}-shown`}>{shown}</span>
      </button>
      {open && (
        <div className="picker-sheet">
          <input
            autoFocus
            className="native"
            role="combobox"
            aria-label={search}
            placeholder={search}
            aria-expanded="true"
            aria-controls={`${id}-list`}
            aria-autocomplete="list"
            maxLength={100}
            value={typed}
            onChange={(event) => {
              setTyped(event.target.value);
              setActive("");
            }}
            onKeyDown={keys}
          />
          <div
            id={`${id}-list`}
            ref={list}
            className="picker-list"
            role="listbox"
            aria-label={label}
            onMouseDown={(event) => event.preventDefault()}
            onClick={(event) => {
              const one = event.target.closest("[data-option]");
              if (one) take(one.dataset.option);
            }}
          >
            {children}
          </div>
          <p className="picker-nothing muted small" role="status">{nothing}</p>
        </div>
      )}
    </div>
  );
}
