/* Dates as people type and read them, in English and Russian. A value is "2026-11-29", with a time "2026-11-29T13:24". */
const MONTHS = {
  en: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
  ru: ["янв", "фев", "мар", "апр", "ма", "июн", "июл", "авг", "сен", "окт", "ноя", "дек"],
};
const NEAR = { today: 0, сегодня: 0, tomorrow: 1, завтра: 1, yesterday: -1, вчера: -1 };
const MORNING = "09:00"; // where a time is wanted and none is typed
const DAY = 86_400_000;

const pad = (number, length = 2) => String(number).padStart(length, "0");
const utc = (day) => new Date(`${day}T00:00:00Z`);
export const iso = (date) => date.toISOString().slice(0, 10);
export const plusDays = (day, count) => iso(new Date(utc(day).getTime() + count * DAY));

/* The same day of another month, or its last one. */
export const plusMonths = (day, count) => {
  const [year, month, date] = day.split("-").map(Number);
  const last = new Date(Date.UTC(year, month + count, 0)).getUTCDate();
  return iso(new Date(Date.UTC(year, month - 1 + count, Math.min(date, last))));
};

/* 0 for Monday to 6 for Sunday. */
export const weekday = (day) => (utc(day).getUTCDay() + 6) % 7;

export const today = (zone) => {
  const parts = new Intl.DateTimeFormat("en-CA", { timeZone: zone || undefined, dateStyle: "short" });
  return parts.format(new Date());
};

const format = (day, language, options) =>
  new Intl.DateTimeFormat(language, { timeZone: "UTC", ...options }).format(utc(day));
export const monthTitle = (day, language) => {
  const month = format(day, language, { month: "long" });
  return `${month.charAt(0).toUpperCase()}${month.slice(1)} ${day.slice(0, 4)}`;
};
export const dayTitle = (day, language) => format(day, language, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
export const weekdayName = (place, language, width) => format(plusDays("2024-01-01", place), language, { weekday: width });

/* "Nov 29, 2026, 13:24" or "29 нояб. 2026, 13:24"; what is no value is returned as it is. */
export const shown = (value, language) => {
  const match = /^(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}))?/.exec(value || "");
  if (!match || !valid(...match[1].split("-").map(Number))) return value || "";
  const [day, year] = [match[1], match[1].slice(0, 4)];
  const words = format(day, language, { day: "numeric", month: "short" });
  const date = language === "ru" ? `${words} ${year}` : `${words}, ${year}`;
  return match[2] ? `${date}, ${match[2]}` : date;
};

const valid = (year, month, day) => {
  const date = new Date(Date.UTC(year, month - 1, day));
  const same = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return same && year >= 1900 && year <= 2100 ? iso(date) : "";
};

const monthOf = (word) => {
  for (const names of Object.values(MONTHS)) {
    const at = names.findIndex((name) => word.startsWith(name));
    if (at >= 0) return at + 1;
  }
  return 0;
};

const fullYear = (text, now) => (text ? Number(text.length === 2 ? `20${text}` : text) : Number(now.slice(0, 4)));

const dayOf = (text, language, now) => {
  if (text in NEAR) return plusDays(now, NEAR[text]);
  let match = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(text);
  if (match) return valid(...match.slice(1).map(Number));
  match = /^(\d{1,2})([./-])(\d{1,2})(?:[./-](\d{2}|\d{4}))?$/.exec(text);
  if (match) {
    const [first, second] = [Number(match[1]), Number(match[3])];
    const [day, month] = match[2] === "/" && language !== "ru" ? [second, first] : [first, second];
    return valid(fullYear(match[4], now), month, day);
  }
  const word = /\p{L}+/u.exec(text)?.[0] || "";
  const numbers = text.match(/\d+/g) || [];
  const day = numbers.find((number) => number.length < 3);
  const year = numbers.find((number) => number.length === 4);
  if (!monthOf(word) || !day || numbers.length > 2) return "";
  return valid(fullYear(year, now), monthOf(word), Number(day));
};

/* The value of what is typed: "" for nothing, null for what is no date. */
export const read = (typed, { language, withTime, zone }) => {
  const text = typed.trim().toLowerCase().replace(/\s+/g, " ").replace(/ г\.?(?=,|$| \d)/, "");
  if (!text) return "";
  const clock = /(?:^|[\s,t])(\d{1,2}):(\d{2})(?::\d{2})?$/.exec(text);
  const rest = clock ? text.slice(0, clock.index) : text;
  const now = today(zone);
  const day = clock && !rest ? now : dayOf(rest.replace(/[,\s]+$/, ""), language, now);
  if (!day || (clock && (Number(clock[1]) > 23 || Number(clock[2]) > 59))) return null;
  if (!withTime) return clock ? null : day;
  return `${day}T${clock ? `${pad(clock[1])}:${clock[2]}` : MORNING}`;
};
