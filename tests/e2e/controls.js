/* Controls: lists what can be pressed on a page, finds it again, and notices what a press has changed.

   Added to every page before its own scripts run. Nothing here presses: the browser's real mouse does. */
(() => {
  const PRESSABLE =
    "a[href], button, select, summary, input[type=checkbox], input[type=radio], input[type=file]," +
    ["button", "menuitem", "menuitemradio", "menuitemcheckbox", "switch", "checkbox", "radio", "tab", "link"]
      .concat(["combobox", "option"])
      .map((role) => `[role=${role}]`)
      .join(",");
  const OVERLAY = "[role=dialog],[role=alertdialog],[role=menu],[role=listbox],.picker-sheet";
  const ROW = "tbody tr, li, .lead-card, [role=option], .repeated";

  const isShown = (one) => {
    const box = one.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && one.checkVisibility({ visibilityProperty: true }); // not in closed details
  };
  const overlays = () => [...document.querySelectorAll(OVERLAY)].filter((one) => isShown(one) && !one.closest("[data-state=closed]"));
  const inOverlay = (one) => !!one.closest(OVERLAY);
  const props = (one) => {
    for (const name in one) {
      if (!Object.hasOwn(one, name)) break; // its own come first
      if (name.startsWith("__reactProps$")) return one[name];
    }
    return {};
  };

  const nameOf = (one) => {
    const by = (one.getAttribute("aria-labelledby") || "").split(" ").map((id) => document.getElementById(id)?.textContent);
    const label = one.labels?.length ? one.labels[0].textContent : "";
    const own = one.tagName === "SELECT" ? "" : one.textContent;
    const found = one.getAttribute("aria-label") || by.join(" ").trim() || label || own || one.title || one.name || "";
    return found.replace(/\s+/g, " ").trim().slice(0, 120);
  };
  const roleOf = (one) => {
    const usual = { A: "link", BUTTON: "button", SELECT: "select", SUMMARY: "summary" }[one.tagName];
    return one.getAttribute("role") || usual || (one.tagName === "INPUT" ? one.type : "clickable");
  };
  const alike = (text) => text.replace(/“[^”]*”|«[^»]*»/g, "“…”").replace(/\d+/g, "#");
  const place = (one) => {
    const row = one.closest(ROW);
    if (!row) return "";
    const steps = [];
    for (let at = one; at && at !== row.parentElement; at = at.parentElement) {
      const cell = at.tagName === "TD" || at.tagName === "TH" ? at.cellIndex : "";
      steps.unshift(at.tagName + cell);
    }
    return steps.join(">");
  };
  const keyOf = (one) => {
    const role = roleOf(one);
    if (one.closest("[role=grid]")) return `${role} of a calendar`; // its days are one kind, as the rows of a list are
    const row = place(one);
    const label = one.getAttribute("aria-label") || (role === "button" ? nameOf(one) : "");
    return row ? `${role} ${row} ${alike(label)}` : `${role} ${alike(nameOf(one))}`;
  };

  const within = (scope) => {
    if (scope === "overlay") return overlays().slice(-1);
    if (scope === "main") return [document.querySelector("main") || document.body];
    return [document.querySelector("aside.sidebar")].filter(Boolean);
  };
  /* Elements that can be pressed, whether or not they are shown now. */
  const pressable = (root) =>
    [...root.querySelectorAll("*")].filter(
      (one) => one.matches(PRESSABLE) || (props(one).onClick && !one.closest("a, button, label, [role]")),
    );
  const isThere = (one, scope) => (scope === "overlay" || !inOverlay(one)) && !one.closest("[aria-hidden=true]") && isShown(one);
  const all = (scope) => within(scope).flatMap((root) => pressable(root).filter((one) => isThere(one, scope)));

  const isCurrent = (one) => {
    const says = (name) => one.getAttribute(name);
    const same = one.tagName === "A" && new URL(one.href).pathname.replace(/\/$/, "") + new URL(one.href).search ===
      location.pathname.replace(/\/$/, "") + location.search;
    const chosen = says("role") !== "switch" && says("role") !== "checkbox" &&
      (says("aria-checked") === "true" || says("aria-selected") === "true" || says("aria-pressed") === "true" ||
       says("data-state") === "checked");
    return same || chosen || ["page", "true"].includes(says("aria-current"));
  };

  const list = (scope) => {
    const seen = new Map();
    for (const one of all(scope)) {
      const key = keyOf(one);
      const disabled = one.disabled || one.getAttribute("aria-disabled") === "true" || one.hasAttribute("data-disabled");
      if (disabled || seen.has(key)) continue;
      const href = one.tagName === "A" ? new URL(one.href) : null;
      seen.set(key, {
        key, role: roleOf(one), name: nameOf(one), current: isCurrent(one), type: one.type || "",
        path: href ? href.pathname : "", outside: href ? href.origin !== location.origin : false,
        download: one.hasAttribute("download"), row: !!place(one),
      });
    }
    return [...seen.values()];
  };

  const SAMPLES = { email: "trial@trial.example", number: "5", date: "2026-12-01", "datetime-local": "2026-12-01T10:00",
    time: "10:00", url: "https://trial.example/", password: "Correct horse 8 battery" };
  const fill = (form) => {
    for (const one of form.querySelectorAll("input, textarea")) {
      if (one.value || one.readOnly || one.disabled || !isShown(one) || ["checkbox", "radio", "file", "hidden", "submit"].includes(one.type)) continue;
      const base = one.tagName === "INPUT" ? HTMLInputElement : HTMLTextAreaElement;
      const sample = one.inputMode === "decimal" || one.inputMode === "numeric" ? "5" : "Trial";
      Object.getOwnPropertyDescriptor(base.prototype, "value").set.call(one, SAMPLES[one.type] || sample);
      one.dispatchEvent(new Event("input", { bubbles: true }));
    }
  };

  const isOff = (one) => one.disabled || one.getAttribute("aria-disabled") === "true";
  const find = (scope, key) => {
    for (const root of within(scope)) {
      const found = pressable(root).find((one) => keyOf(one) === key && !isOff(one) && isThere(one, scope));
      if (found) return found;
    }
    return undefined;
  };
  const aim = (scope, key) => {
    const one = find(scope, key);
    if (!one) return null;
    if (one.type === "submit" && one.form) fill(one.form);
    one.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
    const box = [...one.getClientRects()].find((part) => part.width > 0 && part.height > 0);
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const hit = document.elementFromPoint(x, y);
    const asleep = hit?.matches("html, [data-is-root-theme=true]"); // a menu that closes lets nothing be pressed yet
    const covered = asleep || (hit && !one.contains(hit) && !hit.contains(one) && !(one.labels && [...one.labels].some((l) => l.contains(hit))));
    return { x, y, covered: covered ? hit.outerHTML.slice(0, 100) : "", isSelect: one.tagName === "SELECT" };
  };

  const pickOther = (scope, key) => {
    const one = find(scope, key);
    const other = [...one.options].find((option) => option.value !== one.value && !option.disabled);
    if (!other) return false;
    Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype, "value").set.call(one, other.value);
    one.dispatchEvent(new Event("change", { bubbles: true }));
    return true;
  };

  /* what a press has changed */
  const QUIET = new Set(["aria-hidden", "data-aria-hidden", "inert", "style", "data-scroll-locked", "tabindex", "data-highlighted"]);
  let seen = [];
  let last = 0;
  let frames = { sent: 0, got: 0 };
  let from = location.href;
  let pressedIn = "";
  const note = (what, inside) => {
    last = performance.now();
    if (seen.length < 50) seen.push(inside ? `overlay:${what}` : what);
  };
  const ofOverlay = (node) => node.nodeType === 1 && (node.matches(OVERLAY) || !!node.querySelector?.(OVERLAY) || node.hasAttribute("data-radix-focus-guard") || node.hasAttribute("data-radix-popper-content-wrapper"));
  const watch = () =>
    new MutationObserver((changes) => {
      for (const change of changes) {
        const target = change.target.nodeType === 1 ? change.target : change.target.parentElement;
        if (!target || target.closest("head")) continue;
        last = performance.now();
        if (change.type === "attributes" && QUIET.has(change.attributeName)) continue;
        if (change.type === "attributes" && change.oldValue === target.getAttribute(change.attributeName)) continue;
        if (target.closest("time")) continue;
        const nodes = [...change.addedNodes, ...change.removedNodes];
        const overlay = (nodes.length && nodes.every(ofOverlay)) || inOverlay(target) ||
          ["aria-expanded", "data-state"].includes(change.attributeName);
        note(`${change.type} ${change.attributeName || ""} ${target.tagName}.${target.className}`.slice(0, 90), overlay);
      }
    }).observe(document.documentElement, { subtree: true, childList: true, attributes: true, characterData: true, attributeOldValue: true });
  if (document.documentElement) watch();
  else document.addEventListener("DOMContentLoaded", watch);
  document.addEventListener("invalid", () => note("invalid"), true);
  document.addEventListener("scroll", () => note("scroll"), true);
  document.addEventListener("focusin", (event) => pressedIn || event.target.matches("input, textarea, main, h1, h2") ? note("focus", !!pressedIn) : null, true);
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (...given) {
    if (String(given[0]).startsWith("42")) { frames.sent += 1; last = performance.now(); }
    if (!this.__heard) {
      this.__heard = true;
      this.addEventListener("message", (event) => { if (String(event.data).startsWith("42")) { frames.got += 1; last = performance.now(); } });
    }
    return send.apply(this, given);
  };
  const write = navigator.clipboard?.writeText?.bind(navigator.clipboard);
  if (write) navigator.clipboard.writeText = (text) => { note("clipboard"); return write(text); };

  const valueOf = (one) => `${one.value}${one.checked}${one.getAttribute("aria-checked")}${one.getAttribute("aria-pressed")}`;
  let before = "";
  let target = null;
  const arm = (scope, key) => {
    seen = []; frames = { sent: 0, got: 0 }; from = location.href; last = performance.now();
    target = find(scope, key);
    before = target ? valueOf(target) : "";
    pressedIn = scope === "overlay" ? (overlays().slice(-1)[0]?.getAttribute("role") || "sheet") : "";
  };
  /* closing a menu is no effect of its item; closing a dialog is one of its button */
  const effect = () => {
    if (location.href !== from) return "address";
    if (target?.getAttribute("aria-haspopup") === "menu" && target.getAttribute("aria-expanded") === "true") return "submenu";
    const counted = ["menu", "listbox"].includes(pressedIn) ? seen.filter((one) => !one.startsWith("overlay:")) : seen;
    if (counted.length) return counted[0];
    if (target && target.isConnected && valueOf(target) !== before) return "value";
    return "";
  };
  const still = () => (frames.got < frames.sent ? 0 : performance.now() - last); // the server has answered, too
  /* Answer as soon as something is so, or nothing after some milliseconds; asked ever less often while it is not. */
  const until = async (isSo, most) => {
    const end = performance.now() + most;
    for (let pause = 8; ; pause = Math.min(pause * 1.5, 60)) {
      const found = isSo();
      if (found || performance.now() >= end) return found;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  };
  const settled = (quiet, most) => until(() => still() > quiet, most);
  const overlayNow = () => {
    const found = overlays();
    return found.length ? `${found.at(-1).getAttribute("role")} ${found.length}` : "";
  };
  /* Where a control is, once what is just being closed covers it no more; nothing when it is not there. */
  const uncovered = async (scope, key, most) => {
    let found = null;
    await until(() => { found = aim(scope, key); return !found || !found.covered; }, most);
    return found;
  };
  const appeared = (scope, key, most) => until(() => !!find(scope, key), most);
  const opened = (most) => until(overlayNow, most);
  const changedFrom = (before, most) => until(() => overlayNow() !== before, most);
  const closeToasts = () => document.querySelectorAll("[data-sonner-toast] [data-close-button]").forEach((one) => one.click());
  const words = () => [...document.querySelectorAll("[data-sonner-toast], [role=alert]")].map((one) => one.textContent.trim());
  const shown = () => ({ overlay: overlayNow(), words: words() });
  /* Where a control is, once nothing covers it; from then on it is noted what changes. */
  const ready = async (scope, key, most) => {
    closeToasts();
    const found = await uncovered(scope, key, most);
    if (found && !found.covered) arm(scope, key);
    return found && { ...found, overlay: overlayNow() };
  };
  /* What a press has changed, and what is shown when the page has come to rest; nothing while it has changed nothing. */
  const answered = async (most, quiet, rest) => {
    const found = await until(effect, most);
    if (!found) return { effect: "" };
    await settled(quiet, rest);
    return { effect: found, ...shown() };
  };
  const holds = (overlay, key) => overlayNow() === overlay && !!find("overlay", key);
  window.__controls = { list, ready, answered, shown, holds, settled, appeared, opened, changedFrom, pickOther, overlayNow };
})();
