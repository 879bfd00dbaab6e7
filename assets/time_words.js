/* Times of day as people type and read them. A value is "09:30", in 24 hours like every time of the console. */
const STEP = 15; // minutes of an arrow key
const DAY = 24 * 60;
const MORNING = 9 * 60; // where the arrow keys begin in an empty field

const written = (minutes) => `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;

/* The value of what is typed: "9", "930", "9.30", "21:30" or "9:30 pm"; "" for nothing, null for what is no time. */
export const readTime = (typed) => {
  const text = (typed || "").trim().toLowerCase().replace(/\s+/g, " ");
  if (!text) return "";
  const match = /^(\d{1,2})(?:[:.\- ]?(\d{2}))? ?(?:([ap])\.?m\.?)?$/.exec(text);
  if (!match) return null;
  const [hour, minute, half] = [Number(match[1]), Number(match[2] || 0), match[3]];
  if (minute > 59 || hour > 23 || (half && (hour < 1 || hour > 12))) return null;
  return written((half ? (hour % 12) + (half === "p" ? 12 : 0) : hour) * 60 + minute);
};

/* The next quarter of an hour after a value, or with direction -1 the one before it. */
export const stepTime = (value, direction) => {
  const [hour, minute] = (value || written(MORNING)).split(":").map(Number);
  const quarters = (hour * 60 + minute) / STEP;
  const next = direction > 0 ? Math.floor(quarters) + 1 : Math.ceil(quarters) - 1;
  return value ? written((((next * STEP) % DAY) + DAY) % DAY) : written(MORNING);
};
