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

/* Takes the theme that is kept with the person, once it is known. */
export function StoredTheme({ theme }) {
  const { rawColorMode, setColorMode } = useContext(ColorModeContext);
  useEffect(() => {
    if (theme && theme !== rawColorMode) setColorMode(theme);
  }, [theme]);
  return null;
}
