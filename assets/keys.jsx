import { useContext, useEffect } from "react";
import { ColorModeContext } from "$/utils/context";

/* Listens for keys anywhere on the page; matches the place of the key, so that it works on every layout.
   Remembers where the focus was before a dialog that has no trigger of its own. */
export function GlobalKeys({ onPalette }) {
  useEffect(() => {
    const listen = (event) => {
      if ((event.ctrlKey || event.metaKey) && event.code === "KeyK") {
        event.preventDefault();
        onPalette && onPalette();
      }
    };
    let last = null;
    const remember = (event) => {
      if (!event.target.closest('[role="dialog"]')) last = event.target;
    };
    window.returnFocus = () => last && last.isConnected && last.focus();
    const follow = new MutationObserver(() => {
      document.querySelector('.palette-entry[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
    });
    follow.observe(document.body, { subtree: true, attributes: true, attributeFilter: ["aria-selected"] });
    window.addEventListener("keydown", listen);
    window.addEventListener("focusin", remember);
    return () => {
      follow.disconnect();
      window.removeEventListener("keydown", listen);
      window.removeEventListener("focusin", remember);
    };
  }, [onPalette]);
  return null;
}

const rowsOf = (list) => [...list.querySelectorAll("tbody tr, :scope > li")];

/* Keeps the focus where the eyes are: when the focused row is deleted, the next row has it. Ctrl+Z takes the last
   deletion back while that is offered. */
export function FocusKeeper() {
  useEffect(() => {
    let list = null;
    let at = -1;
    let last = null;
    const remember = (event) => {
      last = event.target;
      const row = last.closest?.("main tr, main li");
      list = row && row.closest("table, ul, ol");
      at = list ? rowsOf(list).indexOf(row) : -1;
    };
    const restore = () => {
      if (!last || !list || last.isConnected || document.activeElement !== document.body) return; // dialogs give it back themselves
      const rows = list.isConnected ? rowsOf(list) : [];
      const row = rows[Math.min(at, rows.length - 1)];
      last = null;
      (row?.querySelector("a, button") || document.getElementById("main"))?.focus({ preventScroll: true });
    };
    const undo = (event) => {
      const isTyping = event.target.closest?.("input, textarea, select, [contenteditable]");
      if (!(event.ctrlKey || event.metaKey) || event.shiftKey || event.code !== "KeyZ" || isTyping) return;
      const button = document.querySelector(".undo-bar:not(.unsent-note) button");
      if (button) {
        event.preventDefault();
        button.click();
      }
    };
    const observer = new MutationObserver(() => setTimeout(restore, 60));
    observer.observe(document.body, { childList: true, subtree: true });
    window.addEventListener("focusin", remember);
    window.addEventListener("keydown", undo);
    return () => {
      observer.disconnect();
      window.removeEventListener("focusin", remember);
      window.removeEventListener("keydown", undo);
    };
  }, []);
  return null;
}

/* Takes the theme that is kept with the person, once it is known. */
export function StoredTheme({ theme }) {
  const { rawColorMode, setColorMode } = useContext(ColorModeContext);
  useEffect(() => {
    if (theme && theme !== rawColorMode) setColorMode(theme);
  }, [theme]);
  return null;
}
