/* Loader of the web chat: a button on the page, and the frame that it opens. */
(() => {
  "use strict";
  const tag = document.currentScript;
  const token = tag && tag.dataset.token;
  if (!token || window.__webChats?.has(token)) return;
  (window.__webChats ||= new Set()).add(token);

  const home = new URL(tag.src).origin;
  const TEXTS = {
    en: ["Open the chat", "Close the chat", "Chat", "new messages"],
    ru: ["Открыть чат", "Закрыть чат", "Чат", "новых сообщений"],
    es: ["Abrir el chat", "Cerrar el chat", "Chat", "mensajes nuevos"],
    pt: ["Abrir o chat", "Fechar o chat", "Chat", "mensagens novas"],
    uk: ["Відкрити чат", "Закрити чат", "Чат", "нових повідомлень"],
    kk: ["Чатты ашу", "Чатты жабу", "Чат", "жаңа хабарлама"],
  };
  const wished = (tag.dataset.language || document.documentElement.lang || navigator.language || "en").slice(0, 2).toLowerCase();
  const language = TEXTS[wished] ? wished : "en";
  const [OPEN, CLOSE, TITLE, UNREAD] = TEXTS[language];
  const memory = `web-chat:${token}`;
  const SVG = "http://www.w3.org/2000/svg";

  const remembers = () => { try { return localStorage.getItem(memory) === "1"; } catch { return false; } };
  const remember = () => { try { localStorage.setItem(memory, "1"); } catch { /* storage is blocked */ } };
  /* The visitor's token, where the browser does not let the frame keep it itself. */
  const kept = () => { try { return localStorage.getItem(`${memory}:visitor`) || ""; } catch { return ""; } };
  const keep = (visitor) => { try { localStorage.setItem(`${memory}:visitor`, visitor); } catch { /* storage is blocked */ } };
  const style = (node, rules) => { for (const name in rules) node.style.setProperty(name, rules[name], "important"); };

  const draw = (colour, ink) => {
    const root = document.createElement("div");
    const button = document.createElement("button");
    const badge = document.createElement("span");
    let frame = null, isOpen = false, unread = 0, identity = tag.dataset.identity || "";
    /* For sites that sign a visitor in without loading the page anew; "" signs out. */
    window.webChat = { identify: (token) => { identity = String(token || ""); tell(isOpen ? "opened" : "hello"); } };

    style(root, { all: "initial" });
    root.setAttribute("role", "region"); /* a landmark, so that people who use a screen reader find it */
    root.setAttribute("aria-label", TITLE);
    style(button, {
      all: "initial", position: "fixed", right: "20px", bottom: "20px", width: "56px", height: "56px", "z-index": "2147483000",
      "border-radius": "50%", background: colour, color: ink, cursor: "pointer", display: "grid", "place-items": "center",
      "box-shadow": "0 4px 16px rgba(0,0,0,.24)", "box-sizing": "border-box",
    });
    button.type = "button";
    button.setAttribute("aria-haspopup", "dialog");
    button.addEventListener("focus", () => {
      if (button.matches(":focus-visible")) style(button, { outline: `3px solid ${colour}`, "outline-offset": "3px" });
    });
    button.addEventListener("blur", () => style(button, { outline: "none" }));
    const icon = document.createElementNS(SVG, "svg");
    const path = document.createElementNS(SVG, "path");
    icon.setAttribute("viewBox", "0 0 24 24");
    icon.setAttribute("aria-hidden", "true");
    style(icon, { width: "26px", height: "26px", fill: "none", stroke: ink, "stroke-width": "2", "stroke-linecap": "round", "stroke-linejoin": "round" });
    icon.append(path);
    style(badge, {
      all: "initial", position: "absolute", top: "-4px", right: "-4px", "min-width": "20px", height: "20px", padding: "0 5px",
      "border-radius": "10px", background: "#b3261e", color: "#ffffff", font: "600 12px/20px system-ui, sans-serif",
      "text-align": "center", "box-sizing": "border-box", display: "none",
    });
    button.append(icon, badge);
    root.append(button);

    const label = () => {
      path.setAttribute("d", isOpen ? "M6 6l12 12M18 6L6 18" : "M21 12a8 8 0 0 1-8 8H4l2-3a8 8 0 1 1 15-5z");
      button.setAttribute("aria-expanded", String(isOpen));
      button.setAttribute("aria-label", (isOpen ? CLOSE : OPEN) + (unread && !isOpen ? ` (${UNREAD}: ${unread})` : ""));
      badge.textContent = unread > 9 ? "9+" : String(unread);
      style(badge, { display: unread && !isOpen ? "block" : "none" });
    };
    const tell = (type) => frame?.contentWindow?.postMessage({ webChat: type, visitor: kept(), identity }, home);
    const place = () => {
      if (!frame) return;
      const isNarrow = window.innerWidth < 480;
      style(frame, {
        all: "initial", position: "fixed", "z-index": "2147483001", border: "0", "box-sizing": "border-box",
        display: isOpen ? "block" : "none",
        right: isNarrow ? "0" : "20px", bottom: isNarrow ? "0" : "88px", width: isNarrow ? "100%" : "384px",
        height: isNarrow ? "100%" : "min(620px, calc(100vh - 108px))", "border-radius": isNarrow ? "0" : "14px",
        "box-shadow": isNarrow ? "none" : "0 12px 48px rgba(0,0,0,.28)",
      });
    };
    const load = () => {
      frame = document.createElement("iframe");
      frame.title = TITLE;
      frame.src = `${home}/web-chat/${encodeURIComponent(token)}/frame?lang=${language}`;
      frame.addEventListener("load", () => tell(isOpen ? "opened" : "hello"));
      place();
      root.append(frame);
    };
    const show = (opens) => {
      isOpen = opens;
      if (!frame) load(); else place();
      if (isOpen) unread = 0;
      label();
      tell(isOpen ? "opened" : "closed");
      if (!isOpen) button.focus();
    };
    button.addEventListener("click", () => show(!isOpen));
    document.addEventListener("keydown", (event) => { if (event.key === "Escape" && isOpen) show(false); });
    window.addEventListener("resize", place);
    window.addEventListener("message", (event) => {
      if (event.origin !== home || !frame || event.source !== frame.contentWindow || !event.data) return;
      const { webChat, count, visitor } = event.data;
      if (webChat === "close") show(false);
      else if (webChat === "used") remember();
      else if (webChat === "keep" && typeof visitor === "string" && visitor.length <= 200) keep(visitor);
      else if (webChat === "ready") tell(isOpen ? "opened" : "hello");
      else if (webChat === "unread" && Number.isInteger(count)) { unread = isOpen ? 0 : count; label(); }
    });
    label();
    document.body.append(root);
    if (remembers()) load();
    if (tag.dataset.open === "true") show(true);
  };

  const begin = async () => {
    try {
      const answer = await fetch(`${home}/web-chat/${encodeURIComponent(token)}/appearance`, { credentials: "omit" });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const { colour, text_colour: ink } = await answer.json();
      draw(colour, ink);
    } catch (error) {
      console.warn(`Web chat: this site may not show it, or it is switched off (${error.message}).`);
    }
  };
  if (document.body) begin(); else document.addEventListener("DOMContentLoaded", begin);
})();
