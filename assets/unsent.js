/* Text that was typed and not sent yet, kept in this browser for each person until the server has it. */
const PREFIX = "unsent:";
const DAYS = 30;
const LONGEST = 40_000;
const MOST = 100;

let person = "";
const restored = new Set();

const nameOf = (place) => `${PREFIX}${person}:${place}`;

const read = (name) => {
  try {
    const kept = JSON.parse(localStorage.getItem(name) || "null");
    return kept && Date.now() - kept.at < DAYS * 86_400_000 ? kept : null;
  } catch {
    return null;
  }
};

const names = () => {
  try {
    return Object.keys(localStorage).filter((name) => name.startsWith(PREFIX));
  } catch {
    return []; // the browser forbids storage: nothing is kept
  }
};

/* Say whose texts are kept and given back from now on; those that are too old or too many go. */
export const setPerson = (email) => {
  person = email || "";
  const kept = names().map((name) => [name, read(name)]);
  const alive = kept.filter(([, one]) => one).sort((a, b) => b[1].at - a[1].at);
  const gone = new Set(alive.slice(MOST).map(([name]) => name));
  kept.filter(([name, one]) => !one || gone.has(name)).forEach(([name]) => localStorage.removeItem(name));
};

export const hasPerson = () => person !== "";

/* Keep the text of a place; an empty one is forgotten. */
export const keep = (place, text, more = {}) => {
  if (!person || !place) return;
  try {
    if (text.trim()) localStorage.setItem(nameOf(place), JSON.stringify({ text: text.slice(0, LONGEST), at: Date.now(), ...more }));
    else localStorage.removeItem(nameOf(place));
  } catch {
    /* the storage is full: the field still holds its text */
  }
};

export const forget = (place) => keep(place, "");

export const find = (place) => (person && place ? read(nameOf(place)) : null);

/* Return the places below a path that have a text of this person. */
export const placesBelow = (path) => {
  const start = nameOf(path);
  return person ? names().filter((name) => name.startsWith(start)).map((name) => name.slice(nameOf("").length)) : [];
};

export const hasAny = () => names().some((name) => read(name));

/* Tell whether a text was given back since the page was loaded. */
export const wasRestored = () => restored.size > 0;

/* Let the page say that a text was given back, once for each place. */
export const tell = (place) => {
  if (restored.has(place)) return;
  restored.add(place);
  window.dispatchEvent(new CustomEvent("unsent-restored"));
};
