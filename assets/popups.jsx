import { useEffect } from "react";

const MARK = "data-aria-hidden"; // set by the library on what it hides from screen readers
const MENU = '[role="menu"]';
const DIALOG = '[role="dialog"], [role="alertdialog"]'; // may hide the page, also while the menu that opened it closes

const textOf = (ids) =>
  (ids || "")
    .split(/\s+/)
    .map((id) => document.getElementById(id)?.textContent || "")
    .join(" ")
    .trim();

const nameOf = (menu) => {
  const opener = document.querySelector(`[aria-controls="${menu.id}"]`);
  return (
    menu.getAttribute("aria-label") ||
    textOf(menu.getAttribute("aria-labelledby")) ||
    opener?.getAttribute("aria-label") ||
    textOf(opener?.getAttribute("aria-labelledby")) ||
    opener?.labels?.[0]?.textContent ||
    opener?.textContent ||
    ""
  );
};

/* Menus that open over the page: the library hides the whole page from screen readers while one is open, as if it were
   a dialog. Here the page stays readable, and the menu is a region with the name of what opened it. */
export function Popups() {
  useEffect(() => {
    const added = new MutationObserver((changes) => {
      for (const node of changes.flatMap((change) => [...change.addedNodes])) {
        const menu = node.nodeType === 1 && (node.matches(MENU) ? node : node.querySelector(MENU));
        if (!menu || node.matches(DIALOG) || node.querySelector(DIALOG)) continue;
        node.dataset.popup = "";
        if (node === menu) continue;
        node.setAttribute("role", "region");
        node.setAttribute("aria-label", nameOf(menu));
      }
    });
    const hidden = new MutationObserver((changes) => {
      if (!document.querySelector("body > [data-popup]") || document.querySelector(DIALOG)) return;
      for (const { target } of changes) if (target.hasAttribute(MARK)) target.removeAttribute("aria-hidden");
    });
    added.observe(document.body, { childList: true });
    hidden.observe(document.body, { attributes: true, attributeFilter: [MARK], subtree: true });
    return () => {
      added.disconnect();
      hidden.disconnect();
    };
  }, []);
  return null;
}
