import { useRef, useState } from "react";

const OPEN = /\{\{\s*([\w.]*)$/;

/* A text area that offers names after {{: arrows choose, Enter or Tab takes, Escape closes. What is typed stays. */
export function VariableText({ id, initial, names, words, label, named, onChange, readOnly, rows, describedBy }) {
  const area = useRef(null);
  const [offered, setOffered] = useState([]);
  const [chosen, setChosen] = useState(0);
  const look = () => {
    const box = area.current;
    const open = OPEN.exec(box.value.slice(0, box.selectionStart));
    const wanted = open ? open[1].toLowerCase() : "";
    const fits = (name, at) => name.includes(wanted) || (words[at] || "").toLowerCase().includes(wanted);
    setOffered(open && !readOnly ? names.map((name, at) => ({ name, at })).filter((one) => fits(one.name, one.at)).slice(0, 8) : []);
    setChosen(0);
  };
  const take = (name) => {
    const box = area.current;
    const before = box.value.slice(0, box.selectionStart).replace(OPEN, `{{ ${name} }}`);
    const after = box.value.slice(box.selectionEnd).replace(/^[\w.]*\s*\}\}/, "");
    Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(box, before + after);
    box.setSelectionRange(before.length, before.length);
    box.dispatchEvent(new Event("input", { bubbles: true }));
    box.focus();
    setOffered([]);
  };
  const keys = (event) => {
    if (!offered.length || event.nativeEvent.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      setChosen((chosen + (event.key === "ArrowDown" ? 1 : offered.length - 1)) % offered.length);
    } else if (event.key === "Enter" || event.key === "Tab") {
      take(offered[chosen].name);
    } else if (event.key === "Escape") {
      setOffered([]);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div className="variable-text">
      <textarea
        id={id}
        ref={area}
        className="composer"
        defaultValue={initial}
        readOnly={readOnly}
        rows={rows}
        maxLength={8000}
        aria-label={named || undefined}
        aria-autocomplete="list"
        aria-controls={`${id}-names`}
        aria-activedescendant={offered.length ? `${id}-name-${chosen}` : undefined}
        aria-describedby={describedBy}
        onInput={look}
        onChange={onChange}
        onKeyDown={keys}
        onBlur={() => setOffered([])}
      />
      <ul id={`${id}-names`} role="listbox" aria-label={label} hidden={!offered.length} className="offered">
        {offered.map((one, place) => (
          <li
            key={one.name}
            id={`${id}-name-${place}`}
            role="option"
            aria-selected={place === chosen}
            onMouseDown={(event) => {
              event.preventDefault();
              take(one.name);
            }}
          >
            <code>{one.name}</code> <span className="muted small">{words[one.at]}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
