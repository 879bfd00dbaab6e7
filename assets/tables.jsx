import { useEffect } from "react";

const label = (table) => {
  const heads = [...table.querySelectorAll("thead th")].map((head) => head.querySelector(".visually-hidden") ? "" : head.textContent.replace(/ [↑↓]$/, ""));
  for (const row of table.querySelectorAll("tbody tr")) {
    [...row.children].forEach((cell, at) => {
      const words = heads[at] || "";
      if (cell.dataset.label !== words) cell.dataset.label = words;
    });
  }
};

/* Tables on a narrow screen are cards: each cell is given the words of its column's head, which the stylesheet shows. */
export function TableLabels() {
  useEffect(() => {
    let asked = 0;
    const all = () => {
      asked = 0;
      for (const table of document.querySelectorAll(".table-wrap table")) label(table);
    };
    const ask = () => {
      if (!asked) asked = requestAnimationFrame(all);
    };
    const observer = new MutationObserver(ask);
    observer.observe(document.body, { childList: true, characterData: true, subtree: true });
    ask();
    return () => {
      observer.disconnect();
      cancelAnimationFrame(asked);
    };
  }, []);
  return null;
}
