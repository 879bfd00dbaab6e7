/* Returns what of a page is off the scale: sizes of text, radii and heights of controls, in a line each. */
() => {
  const SIZES = [12, 13, 14, 16, 20, 24];
  const HEIGHTS = [28, 32];
  const CONTROLS =
    ".rt-Button, .rt-IconButton, .rt-TextFieldRoot, .rt-SelectTrigger, .native:not(textarea), .picker-button, .upload-button";
  const seen = new Map();
  const round = (value) => Math.round(value * 10) / 10;
  const shown = (element) => element.checkVisibility({ opacityProperty: false, visibilityProperty: true });
  const name = (element) => {
    const classes = typeof element.className === "string" ? element.className : "";
    return `${element.localName}.${classes.split(" ").filter((word) => !word.startsWith("css-")).slice(0, 4).join(".")}`;
  };
  const note = (what, element) => {
    const line = `${what} ${name(element)}`;
    seen.set(line, (seen.get(line) || 0) + 1);
  };
  const hasOwnText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  for (const element of document.body.querySelectorAll("*")) {
    if (element.closest("svg, .visually-hidden, [data-sonner-toaster]") || !shown(element)) continue;
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    if (!box.width || !box.height) continue;
    if (hasOwnText(element) && !SIZES.includes(round(parseFloat(style.fontSize)))) note(`text ${style.fontSize}`, element);
    const isDrawn =
      style.boxShadow !== "none" || style.borderTopStyle !== "none" || style.backgroundColor !== "rgba(0, 0, 0, 0)";
    const radius = parseFloat(style.borderTopLeftRadius);
    const isRound = style.borderTopLeftRadius.endsWith("%") || radius >= Math.min(box.width, box.height) / 2;
    if (isDrawn && radius && !isRound && ![6, 8].includes(round(radius))) note(`radius ${round(radius)}`, element);
    if (element.matches(CONTROLS) && !element.matches("a, .inline") && !HEIGHTS.includes(round(box.height))) {
      note(`height ${round(box.height)}`, element);
    }
  }
  for (const element of document.querySelectorAll("input")) {
    if (["time", "date", "datetime-local"].includes(element.type)) note(`${element.type} of the browser`, element);
  }
  const centers = new Set();
  for (const element of document.querySelectorAll("button, input, select, [role=checkbox], [role=switch]")) {
    const box = element.getBoundingClientRect();
    if (!box.width || !box.height || !element.checkVisibility({ visibilityProperty: true }) || element.closest(".visually-hidden")) continue;
    const center = `${Math.round(box.x + box.width / 2)} ${Math.round(box.y + box.height / 2)}`;
    if (centers.has(center) && !element.matches("[aria-hidden=true], input")) note("at the place of another", element);
    centers.add(center);
  }
  return [...seen].map(([line, count]) => `${line} (${count})`);
}
