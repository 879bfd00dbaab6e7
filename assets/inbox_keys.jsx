import { useEffect, useState } from "react";

const STORED = "inbox-keys"; // in this browser: "off" when the member does not want them
const KEYS = { KeyJ: "j", KeyK: "k", KeyR: "r", KeyN: "n", KeyA: "a", KeyE: "e" };
const TYPING = 'input:not([type="radio"]), textarea, select, [contenteditable="true"], [role="dialog"], [role="menu"], [role="listbox"]';

const isOff = () => {
  try {
    return localStorage.getItem(STORED) === "off";
  } catch {
    return false;
  }
};

const move = (by) => {
  const links = [...document.querySelectorAll(".inbox-list a.conversation")];
  const opened = (address) => new URL(address).searchParams.get("c"); // the list marks it only when it is loaded
  const at = links.findIndex((link) => opened(link.href) === opened(location.href));
  const next = links[at < 0 ? 0 : at + by];
  if (!next) return;
  next.click();
  next.scrollIntoView({ block: "nearest" });
};

const write = (mode) => {
  document.getElementById(`write-${mode}`)?.click();
  document.querySelector(`.${mode}-form textarea`)?.focus();
};

const ACTIONS = {
  j: () => move(1),
  k: () => move(-1),
  r: () => write("reply"),
  n: () => write("note"),
  a: () => document.getElementById("inbox-assignee")?.focus(),
  e: () => document.getElementById("inbox-close")?.click(),
  "?": () => document.getElementById("inbox-keys")?.click(),
};

/* Keys of the inbox, by their place on the keyboard so that they work on every layout, except while one types. */
export function InboxKeys() {
  useEffect(() => {
    const listen = (event) => {
      if (event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.isComposing || event.target.closest(TYPING)) return;
      const asks = event.key === "?" || (event.shiftKey && event.code === "Slash");
      const key = asks ? "?" : event.shiftKey ? "" : KEYS[event.code];
      if (!key || isOff()) return;
      event.preventDefault();
      ACTIONS[key]();
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, []);
  return null;
}

/* Switches the keys on and off in this browser. */
export function KeySwitch({ label }) {
  const [on, setOn] = useState(true);
  useEffect(() => setOn(!isOff()), []);
  const change = (event) => {
    setOn(event.target.checked);
    try {
      localStorage.setItem(STORED, event.target.checked ? "on" : "off");
    } catch {
      /* the browser forbids storage: the keys stay on */
    }
  };
  return (
    <label className="check">
      <input type="checkbox" checked={on} onChange={change} />
      {label}
    </label>
  );
}
