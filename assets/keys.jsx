import { useEffect } from "react";

/* Listens for keys anywhere on the page; matches the place of the key, so that it works on every layout. */
export function GlobalKeys({ onPalette }) {
  useEffect(() => {
    const listen = (event) => {
      if ((event.ctrlKey || event.metaKey) && event.code === "KeyK") {
        event.preventDefault();
        onPalette && onPalette();
      }
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, [onPalette]);
  return null;
}
