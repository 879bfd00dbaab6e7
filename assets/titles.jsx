import { useEffect } from "react";

const textOf = (selector) => document.querySelector(selector)?.textContent.trim() || "";

/* The title of the tab: what the page shows, its place in the navigation, and the company, in the person's language. */
export function DocumentTitle() {
  useEffect(() => {
    let asked = 0;
    const set = () => {
      asked = 0;
      if (document.querySelector('main[aria-busy="true"]')) return;
      const parts = [textOf("main h1"), textOf('.sidebar [aria-current="page"]'), textOf(".company-name")];
      const title = [...new Set(parts.filter(Boolean))].join(" · ");
      if (title && document.title !== title) document.title = title;
    };
    const ask = () => {
      if (!asked) asked = requestAnimationFrame(set);
    };
    const observer = new MutationObserver(ask);
    observer.observe(document.documentElement, { childList: true, characterData: true, subtree: true });
    ask();
    return () => {
      observer.disconnect();
      cancelAnimationFrame(asked);
    };
  }, []);
  return null;
}
