/* Frame of the web chat: the visitor's conversation. Text of others is only ever set as text, never as HTML. */
(() => {
  "use strict";
  const TEXTS = {
    en: {
      title: "Chat", greeting: "Hello. How can we help?", placeholder: "Your message", send: "Send", close: "Close the chat",
      person: "Talk to a person", agent: "Agent", human: "Person", you: "You", writing: "The agent is writing", typing: "{name} is writing",
      asked: "A person will answer here.", incharge: "{name} answers here.", ended: "This chat was closed. Write to open it again.",
      failed: "The answer could not be written. Write again, or talk to a person.", sources: "Sources", earlier: "Earlier messages",
      name: "Your name", email: "Your e-mail", wait: "Too many messages. Try again in {seconds} s.", refused: "This site may not show this chat.",
      off: "The chat is switched off.", broken: "Not sent. Check the connection and try again.", invalid: "Check name and e-mail address.",
      retry: "Try again", sending: "Sending", lost: "No connection. Trying again.",
      agree: "Agree to the text above first.", signin: "Sign in on the site, or reload the page.",
      away: "Nobody of our team is here right now. Leave a message; a person will answer later.",
      rate: "How was this chat?", better: "What could be better?", sendrating: "Send the rating", thanks: "Thank you for the rating.",
      quick: "Suggested answers", attach: "Attach a file", large: "The file is larger than 10 MB.", kind: "This kind of file is not accepted. Send a picture, PDF, Office document, recording or plain text.",
    },
    ru: {
      title: "Чат", greeting: "Здравствуйте. Чем помочь?", placeholder: "Ваше сообщение", send: "Отправить", close: "Закрыть чат",
      person: "Позвать человека", agent: "Агент", human: "Сотрудник", you: "Вы", writing: "Агент пишет", typing: "{name} пишет",
      asked: "Вам ответит сотрудник.", incharge: "Вам отвечает {name}.", ended: "Чат закрыт. Напишите, чтобы открыть его снова.",
      failed: "Не удалось написать ответ. Напишите ещё раз или позовите человека.", sources: "Источники", earlier: "Более ранние сообщения",
      name: "Ваше имя", email: "Ваша почта", wait: "Слишком много сообщений. Повторите через {seconds} с.", refused: "Этому сайту нельзя показывать этот чат.",
      off: "Чат выключен.", broken: "Не отправлено. Проверьте связь и повторите.", invalid: "Проверьте имя и адрес почты.",
      retry: "Повторить", sending: "Отправляется", lost: "Нет связи. Повторяем попытку.",
      agree: "Сначала согласитесь с текстом выше.", signin: "Войдите на сайте или обновите страницу.",
      away: "Сейчас никого из сотрудников нет. Оставьте сообщение — вам ответят позже.",
      rate: "Как вам этот чат?", better: "Что можно улучшить?", sendrating: "Отправить оценку", thanks: "Спасибо за оценку.",
      quick: "Варианты ответа", attach: "Прикрепить файл", large: "Файл больше 10 МБ.", kind: "Такие файлы не принимаются. Отправьте картинку, PDF, документ Office, запись или простой текст.",
    },
    es: {
      title: "Chat", greeting: "Hola. ¿En qué podemos ayudar?", placeholder: "Su mensaje", send: "Enviar", close: "Cerrar el chat",
      person: "Hablar con una persona", agent: "Agente", human: "Persona", you: "Usted", writing: "El agente está escribiendo", typing: "{name} está escribiendo",
      asked: "Una persona responderá aquí.", incharge: "{name} responde aquí.", ended: "Este chat se cerró. Escriba para abrirlo de nuevo.",
      failed: "No se pudo escribir la respuesta. Escriba otra vez o hable con una persona.", sources: "Fuentes", earlier: "Mensajes anteriores",
      name: "Su nombre", email: "Su correo", wait: "Demasiados mensajes. Inténtelo en {seconds} s.", refused: "Este sitio no puede mostrar este chat.",
      off: "El chat está apagado.", broken: "No enviado. Compruebe la conexión e inténtelo otra vez.", invalid: "Compruebe el nombre y el correo.",
      retry: "Reintentar", sending: "Enviando", lost: "Sin conexión. Reintentando.",
      agree: "Acepte primero el texto de arriba.", signin: "Inicie sesión en el sitio o recargue la página.",
      away: "Ahora no hay nadie de nuestro equipo. Deje un mensaje; una persona responderá más tarde.",
      rate: "¿Qué tal este chat?", better: "¿Qué se puede mejorar?", sendrating: "Enviar la valoración", thanks: "Gracias por la valoración.",
      quick: "Respuestas sugeridas", attach: "Adjuntar un archivo", large: "El archivo supera los 10 MB.", kind: "No se aceptan archivos de este tipo. Envíe una imagen, PDF, documento de Office, grabación o texto.",
    },
    pt: {
      title: "Chat", greeting: "Olá. Como podemos ajudar?", placeholder: "Sua mensagem", send: "Enviar", close: "Fechar o chat",
      person: "Falar com uma pessoa", agent: "Agente", human: "Pessoa", you: "Você", writing: "O agente está escrevendo", typing: "{name} está escrevendo",
      asked: "Uma pessoa responderá aqui.", incharge: "{name} responde aqui.", ended: "Este chat foi fechado. Escreva para abri-lo de novo.",
      failed: "Não foi possível escrever a resposta. Escreva de novo ou fale com uma pessoa.", sources: "Fontes", earlier: "Mensagens anteriores",
      name: "Seu nome", email: "Seu e-mail", wait: "Mensagens demais. Tente em {seconds} s.", refused: "Este site não pode mostrar este chat.",
      off: "O chat está desligado.", broken: "Não enviada. Verifique a conexão e tente de novo.", invalid: "Verifique o nome e o e-mail.",
      retry: "Tentar de novo", sending: "Enviando", lost: "Sem conexão. Tentando de novo.",
      agree: "Concorde primeiro com o texto acima.", signin: "Entre no site ou recarregue a página.",
      away: "Agora não há ninguém da nossa equipe. Deixe uma mensagem; uma pessoa responderá mais tarde.",
      rate: "Como foi este chat?", better: "O que pode melhorar?", sendrating: "Enviar a avaliação", thanks: "Obrigado pela avaliação.",
      quick: "Respostas sugeridas", attach: "Anexar um arquivo", large: "O arquivo tem mais de 10 MB.", kind: "Este tipo de arquivo não é aceito. Envie uma imagem, PDF, documento do Office, gravação ou texto.",
    },
    uk: {
      title: "Чат", greeting: "Вітаємо. Чим допомогти?", placeholder: "Ваше повідомлення", send: "Надіслати", close: "Закрити чат",
      person: "Покликати людину", agent: "Агент", human: "Співробітник", you: "Ви", writing: "Агент пише", typing: "{name} пише",
      asked: "Вам відповість співробітник.", incharge: "Вам відповідає {name}.", ended: "Чат закрито. Напишіть, щоб відкрити його знову.",
      failed: "Не вдалося написати відповідь. Напишіть ще раз або покличте людину.", sources: "Джерела", earlier: "Попередні повідомлення",
      name: "Ваше ім’я", email: "Ваша пошта", wait: "Забагато повідомлень. Повторіть через {seconds} с.", refused: "Цьому сайту не можна показувати цей чат.",
      off: "Чат вимкнено.", broken: "Не надіслано. Перевірте зв’язок і повторіть.", invalid: "Перевірте ім’я та адресу пошти.",
      retry: "Повторити", sending: "Надсилається", lost: "Немає зв’язку. Пробуємо ще раз.",
      agree: "Спочатку погодьтеся з текстом вище.", signin: "Увійдіть на сайті або оновіть сторінку.",
      away: "Зараз нікого зі співробітників немає. Залиште повідомлення — вам відповідять пізніше.",
      rate: "Як вам цей чат?", better: "Що можна покращити?", sendrating: "Надіслати оцінку", thanks: "Дякуємо за оцінку.",
      quick: "Варіанти відповіді", attach: "Додати файл", large: "Файл більший за 10 МБ.", kind: "Такі файли не приймаються. Надішліть зображення, PDF, документ Office, запис або простий текст.",
    },
    kk: {
      title: "Чат", greeting: "Сәлеметсіз бе. Қалай көмектесейік?", placeholder: "Хабарламаңыз", send: "Жіберу", close: "Чатты жабу",
      person: "Адаммен сөйлесу", agent: "Агент", human: "Қызметкер", you: "Сіз", writing: "Агент жазып жатыр", typing: "{name} жазып жатыр",
      asked: "Сізге қызметкер жауап береді.", incharge: "Сізге {name} жауап береді.", ended: "Чат жабылды. Қайта ашу үшін жазыңыз.",
      failed: "Жауап жазылмады. Қайта жазыңыз немесе адаммен сөйлесіңіз.", sources: "Дереккөздер", earlier: "Бұрынғы хабарламалар",
      name: "Атыңыз", email: "Поштаңыз", wait: "Хабарлама тым көп. {seconds} с кейін қайталаңыз.", refused: "Бұл сайт бұл чатты көрсете алмайды.",
      off: "Чат өшірулі.", broken: "Жіберілмеді. Байланысты тексеріп, қайталаңыз.", invalid: "Атыңыз бен поштаңызды тексеріңіз.",
      retry: "Қайталау", sending: "Жіберілуде", lost: "Байланыс жоқ. Қайта байқап көреміз.",
      agree: "Алдымен жоғарыдағы мәтінге келісіңіз.", signin: "Сайтқа кіріңіз немесе бетті жаңартыңыз.",
      away: "Қазір қызметкерлеріміз жоқ. Хабарлама қалдырыңыз, кейінірек жауап береді.",
      rate: "Бұл чат қалай болды?", better: "Нені жақсартуға болады?", sendrating: "Бағаны жіберу", thanks: "Бағаңызға рақмет.",
      quick: "Жауап нұсқалары", attach: "Файл тіркеу", large: "Файл 10 МБ-тан үлкен.", kind: "Мұндай файл қабылданбайды. Сурет, PDF, Office құжатын, жазба немесе мәтін жіберіңіз.",
    },
  };
  const root = document.documentElement;
  const language = root.lang;
  const words = TEXTS[language] || TEXTS.en;
  const settings = JSON.parse(root.dataset.settings);
  const base = location.pathname.replace(/\/frame$/, "");
  const memory = `web-chat-visitor:${base}`;
  const at = (id) => document.getElementById(id);
  const make = (name, className, text) => {
    const node = document.createElement(name);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
  const read = (key) => { try { return localStorage.getItem(key) || ""; } catch { return ""; } };
  const write = (key, value) => { try { localStorage.setItem(key, value); return true; } catch { return false; } };

  let identity = ""; // a token by which the site has signed the visitor in
  let site = "", visitor = read(memory), cursor = "", isOpen = false, unread = 0, oldest = "";
  let stop = null, hasConversation = false, wantsPerson = false, isStreaming = false, isLoaded = false, wait = 1000;
  const shown = new Map(); // line of the list by message id
  const parts = { log: at("log"), list: at("messages"), text: at("text"), first: at("first") };

  /* Answers of the server */
  const ask = async (path, options = {}) => {
    const headers = { "X-Embedding-Origin": site, ...options.headers };
    if (visitor) headers.Authorization = `Bearer ${visitor}`;
    if (identity) headers["X-Visitor-Identity"] = identity;
    return fetch(base + path, { ...options, headers, credentials: "omit", cache: "no-store" });
  };
  const explain = (answer) => {
    if (answer.status === 429) return fill(words.wait, { seconds: answer.headers.get("Retry-After") || "60" });
    return { 401: words.signin, 403: words.refused, 404: words.off, 422: words.invalid }[answer.status] || words.broken;
  };
  const problem = (text) => { at("problem").textContent = text; at("problem").hidden = !text; };
  const tell = (data) => { if (site) parent.postMessage(data, site); };

  const identify = async () => {
    if (visitor || identity) return;
    const answer = await ask("/session", { method: "POST" });
    if (!answer.ok) throw Object.assign(new Error("no session"), { answer });
    visitor = (await answer.json()).visitor;
    if (!write(memory, visitor)) tell({ webChat: "keep", visitor }); // this browser lets frames of other sites store nothing
  };

  /* A subset of Markdown, as nodes */
  const LINK = /\[([^\]\n]{1,300})\]\((https?:\/\/[^\s)]{1,2000})\)|(https?:\/\/[^\s<>"]{1,2000}[^\s<>".,;:!?)\]])/;
  const INLINE = new RegExp(`${LINK.source}|\`([^\`\\n]{1,500})\`|\\*\\*([^*\\n]{1,500})\\*\\*|\\*([^*\\s][^*\\n]{0,300})\\*|\\[(\\d{1,2})\\]`);
  const link = (href, text) => {
    const node = make("a", "", text);
    node.href = href;
    node.target = "_blank";
    node.rel = "noopener noreferrer nofollow";
    return node;
  };
  const inline = (text, isRich, into) => {
    let rest = text;
    for (let left = 500; left && rest; left--) {
      const found = (isRich ? INLINE : LINK).exec(rest);
      if (!found) break;
      if (found.index) into.append(rest.slice(0, found.index));
      const [whole, label, target, bare, code, bold, slanted, number] = found;
      if (target) into.append(link(target, label));
      else if (bare) into.append(link(bare, bare));
      else if (code) into.append(make("code", "", code));
      else if (bold) into.append(make("strong", "", bold));
      else if (slanted) into.append(make("em", "", slanted));
      else if (number) into.append(make("sup", "", number));
      rest = rest.slice(found.index + whole.length);
    }
    into.append(rest);
  };
  const lines = (texts, isRich, into) => texts.forEach((text, index) => {
    if (index) into.append(make("br"));
    inline(text, isRich, into);
  });
  const blocks = (text, isRich) => {
    const found = document.createDocumentFragment();
    let paragraph = [], list = null, code = null;
    const end = () => {
      if (paragraph.length) { const node = make("p"); lines(paragraph, isRich, node); found.append(node); }
      paragraph = [];
    };
    for (const line of text.split("\n")) {
      const item = isRich && /^\s{0,6}(?:[-*•]|\d{1,3}[.)])\s+(.*)$/.exec(line);
      if (isRich && line.startsWith("```")) {
        end();
        list = null;
        code = code ? null : found.appendChild(make("pre"));
      } else if (code) code.append(line, "\n");
      else if (item) {
        end();
        const kind = /^\s*\d/.test(line) ? "ol" : "ul";
        if (!list || list.localName !== kind) list = found.appendChild(make(kind));
        const node = list.appendChild(make("li"));
        if (kind === "ol") node.value = parseInt(line, 10);
        inline(item[1], true, node);
      } else if (!line.trim()) { end(); if (!isRich || !list) list = null; }
      else {
        list = null;
        const heading = isRich && /^#{1,6}\s+(.*)$/.exec(line);
        if (heading) { end(); found.append(make("p", "heading", heading[1])); } else paragraph.push(line);
      }
    }
    end();
    return found;
  };

  /* Lines of the chat */
  const isAtEnd = () => parts.log.scrollHeight - parts.log.scrollTop - parts.log.clientHeight < 80;
  const toEnd = () => { parts.log.scrollTop = parts.log.scrollHeight; };
  const clock = (when) => {
    const date = new Date(when);
    const isToday = date.toDateString() === new Date().toDateString();
    const day = isToday ? {} : { day: "numeric", month: "short" };
    return date.toLocaleString(language, { ...day, hour: "2-digit", minute: "2-digit" });
  };
  const paint = (line, message) => {
    const isRich = message.author === "agent";
    const who = { visitor: words.you, agent: words.agent, person: words.human }[message.author];
    const head = make("p", "by");
    head.append(make("span", "kind", who));
    if (message.name && message.name !== who) head.append(` ${message.name}`);
    if (message.at) { const time = make("time", "", clock(message.at)); time.dateTime = message.at; head.append(" ", time); }
    const bubble = make("div", "bubble");
    bubble.append(blocks(message.text, isRich));
    line.className = message.author;
    line.replaceChildren(head, bubble);
    if (message.sources?.length) {
      const sources = make("details", "sources");
      sources.append(make("summary", "", `${words.sources}: ${message.sources.length}`));
      const list = sources.appendChild(make("ol"));
      for (const one of message.sources) {
        const named = !one.heading || one.heading.startsWith(one.title) ? one.heading || one.title : `${one.title} · ${one.heading}`;
        const item = list.appendChild(make("li"));
        if (/^https?:\/\//.test(one.address || "")) {
          const link = item.appendChild(make("a", "", named));
          Object.assign(link, { href: one.address, target: "_blank", rel: "noopener noreferrer nofollow" });
        } else item.textContent = named;
        item.value = one.number;
      }
      line.append(sources);
    }
    if (message.quick_replies?.length && !isAnswered(line)) {
      const group = line.appendChild(make("div", "quick"));
      group.setAttribute("role", "group");
      group.setAttribute("aria-label", words.quick);
      for (const title of message.quick_replies) {
        const button = group.appendChild(make("button", "", title));
        button.type = "button";
        button.addEventListener("click", () => choose(message.id, title, group));
      }
    }
  };
  const isAnswered = (line) => {
    for (let later = line; (later = later.nextElementSibling);) if (later.className === "visitor") return true;
    return false;
  };
  const endQuick = () => parts.list.querySelectorAll(".quick").forEach((group) => group.remove());
  const put = (message, { isEarlier = false, before = null } = {}) => {
    const follows = isAtEnd();
    let line = shown.get(message.id);
    const isNew = !line || line.dataset.partial;
    if (!line) {
      line = make("li");
      shown.set(message.id, line);
      parts.list.insertBefore(line, before);
    }
    delete line.dataset.partial;
    paint(line, message);
    if (message.author === "visitor" && !isEarlier) endQuick(); // what was asked before is answered
    if (message.cursor && !isEarlier) cursor = message.cursor;
    if (isNew && !isEarlier && isLoaded && message.author !== "visitor" && !isOpen) tell({ webChat: "unread", count: ++unread });
    if (follows && !isEarlier) toEnd();
  };
  const greet = () => {
    if (!shown.has("greeting")) put({ id: "greeting", author: "agent", name: "", text: settings.greeting || words.greeting }, { isEarlier: true, before: parts.list.firstChild });
  };
  const partial = ({ id, at: start, text }) => {
    const follows = isAtEnd();
    let line = shown.get(id);
    if (!line) {
      line = parts.list.appendChild(make("li", "agent"));
      shown.set(id, line);
    }
    line.dataset.partial = "1";
    line.written = (line.written || "").slice(0, start) + text;
    paint(line, { author: "agent", name: "", text: line.written });
    line.setAttribute("aria-busy", "true");
    if (follows) toEnd();
  };
  const drop = (id) => { shown.get(id)?.remove(); shown.delete(id); };
  const state = ({ state: now, person, writing, failed, away = settings.away, rates }) => {
    const isPerson = now === "person";
    const answers = isPerson ? (person ? fill(words.incharge, { name: person }) : away ? "" : words.asked) : now === "closed" ? words.ended : failed ? words.failed : "";
    at("who").textContent = [answers, away && now !== "closed" ? settings.away_text || words.away : ""].filter(Boolean).join(" ");
    at("person").hidden = isPerson;
    at("rating").hidden = !rates;
    at("attach").hidden = !settings.files || !hasConversation;
    const isShown = [...shown.values()].some((line) => line.dataset.partial);
    at("typing-text").textContent = isPerson ? fill(words.typing, { name: person || words.human }) : words.writing;
    at("typing").hidden = !writing || isShown;
  };

  /* Events */
  const HANDLERS = {
    message: (message) => { shown.get(message.id)?.removeAttribute("aria-busy"); at("typing").hidden = true; put(message); },
    partial: (data) => { at("typing").hidden = true; partial(data); },
    dropped: ({ id }) => drop(id),
    reset: () => { shown.clear(); parts.list.replaceChildren(); },
    gone: () => { hasConversation = false; cursor = ""; HANDLERS.reset(); greet(); },
    state,
  };
  const listen = async () => {
    if (isStreaming || !hasConversation) return;
    isStreaming = true;
    try {
      stop = new AbortController();
      const answer = await ask("/events", { headers: cursor ? { "Last-Event-ID": cursor } : {}, signal: stop.signal });
      if (answer.status === 403 || answer.status === 404) { problem(explain(answer)); hasConversation = false; return; }
      if (!answer.ok) { wait = Math.max(wait, 1000 * (answer.headers.get("Retry-After") || 5)); throw new Error("refused"); }
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      wait = 1000;
      if (at("problem").textContent === words.lost) problem("");
      for (let text = ""; ;) {
        const { value, done } = await reader.read();
        if (done) break;
        text += value;
        for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
          const event = Object.fromEntries(text.slice(0, end).split("\n").map((line) => line.split(/: (.*)/s, 2)));
          if (event.data && HANDLERS[event.event]) HANDLERS[event.event](JSON.parse(event.data));
        }
      }
    } catch { if (wait > 4000) problem(words.lost); wait = Math.min(wait * 2, 30000); }
    finally {
      isStreaming = false;
      if (hasConversation) setTimeout(listen, wait * (0.75 + Math.random() / 2));
    }
  };
  const load = async () => {
    if (isLoaded || !site) return;
    isLoaded = true;
    greet();
    parts.first.hidden = settings.asks_first !== "name_and_email" || !!identity;
    at("terms").hidden = !settings.consent;
    if (!hasConversation) state({ state: "agent" });
    if (!visitor && !identity) return;
    try {
      const answer = await ask("/history");
      if (!answer.ok) { problem(explain(answer)); return; }
      const found = await answer.json();
      hasConversation = found.has_conversation;
      isLoaded = false; // what is loaded is not unread
      found.messages.forEach((message) => put(message));
      isLoaded = true;
      if (found.has_earlier) { oldest = found.messages[0].id; drop("greeting"); }
      at("earlier").hidden = !found.has_earlier;
      if (hasConversation) { parts.first.hidden = at("terms").hidden = true; state(found); tell({ webChat: "used" }); listen(); }
      toEnd();
    } catch { isLoaded = false; problem(words.lost); setTimeout(load, 5000); }
  };
  const earlier = async () => {
    const answer = await ask(`/history?before=${encodeURIComponent(oldest)}`);
    if (!answer.ok) { problem(explain(answer)); return; }
    const found = await answer.json();
    const before = parts.list.firstChild, height = parts.log.scrollHeight;
    found.messages.forEach((message) => put(message, { isEarlier: true, before }));
    parts.log.scrollTop += parts.log.scrollHeight - height;
    oldest = found.messages[0]?.id || oldest;
    at("earlier").hidden = !found.has_earlier;
    if (!found.has_earlier) { greet(); parts.log.focus(); }
  };

  /* Writing */
  const key = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (one) => one.toString(16).padStart(2, "0")).join("");
  let draft = { text: "", id: "" }; // a text that is sent again has the same id
  const send = async () => {
    const text = parts.text.value.trim();
    if (!text || !site) return;
    const isFirst = !parts.first.hidden;
    if (isFirst && (!at("name").value.trim() || !at("email").checkValidity() || !at("email").value.trim())) {
      problem(words.invalid);
      (at("name").value.trim() ? at("email") : at("name")).focus();
      return;
    }
    if (!at("terms").hidden && !at("consent").checked) {
      problem(words.agree);
      at("consent").focus();
      return;
    }
    if (draft.text !== text) draft = { text, id: key() };
    at("send").disabled = true;
    problem("");
    try {
      await identify();
      const body = { id: draft.id, text, language, person: wantsPerson };
      if (!at("terms").hidden) body.consent = true;
      if (isFirst) Object.assign(body, { name: at("name").value, email: at("email").value });
      const answer = await ask("/messages", { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
      if (!answer.ok) { problem(explain(answer)); return; }
      const { id, at: when, cursor: place } = await answer.json();
      put({ id, author: "visitor", name: "", text, at: when, cursor: place });
      toEnd();
      if (parts.text.value.trim() === text) parts.text.value = "";
      draft = { text: "", id: "" };
      grow();
      parts.first.hidden = at("terms").hidden = true;
      hasConversation = true;
      at("attach").hidden = !settings.files;
      wantsPerson = false;
      tell({ webChat: "used" });
      listen();
    } catch (error) { problem(error.answer ? explain(error.answer) : words.broken); }
    finally { at("send").disabled = false; }
  };
  const choose = async (answers, title, group) => {
    const buttons = [...group.children];
    buttons.forEach((button) => { button.disabled = true; });
    problem("");
    try {
      const body = { id: `answers-${answers}`, text: title, language, answers }; // one answer, from whichever page
      const answer = await ask("/messages", { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
      if (answer.status === 409) { group.remove(); parts.text.focus(); return; } // answered on another page
      if (!answer.ok) { problem(explain(answer)); return; }
      const { id, at: when, cursor: place, text } = await answer.json();
      put({ id, author: "visitor", name: "", text, at: when, cursor: place });
      toEnd();
      parts.text.focus();
      listen();
    } catch (error) { problem(error.answer ? explain(error.answer) : words.broken); }
    finally { buttons.forEach((button) => { button.disabled = false; }); }
  };
  const askForPerson = async () => {
    if (!hasConversation) {
      wantsPerson = true;
      state({ state: "person" });
      parts.text.focus();
      return;
    }
    at("person").disabled = true;
    try {
      const answer = await ask("/person", { method: "POST" });
      if (answer.ok) { state({ state: "person" }); parts.text.focus(); } else problem(explain(answer));
    } catch { problem(words.broken); }
    finally { at("person").disabled = false; }
  };
  const attach = async () => {
    const file = at("file").files[0];
    at("file").value = "";
    if (!file) return;
    if (file.size > 10_000_000) { problem(words.large); return; }
    at("attach").disabled = true;
    problem("");
    at("typing-text").textContent = `${words.sending}: ${file.name}`;
    at("typing").hidden = false;
    try {
      const headers = { "X-File-Name": encodeURIComponent(file.name), "X-Message-Id": key() };
      const answer = await ask("/files", { method: "POST", body: file, headers });
      if (!answer.ok) { problem({ 413: words.large, 422: words.kind }[answer.status] || explain(answer)); return; }
      put({ ...(await answer.json()), author: "visitor", name: "" });
      toEnd();
    } catch { problem(words.broken); }
    finally { at("typing").hidden = true; at("attach").disabled = false; at("attach").focus(); }
  };
  const rate = async () => {
    const stars = Number(new FormData(at("rating")).get("stars"));
    if (!stars) { at("stars").querySelector("input").focus(); return; }
    try {
      const body = JSON.stringify({ stars, comment: at("comment").value });
      const answer = await ask("/rating", { method: "POST", body, headers: { "Content-Type": "application/json" } });
      if (!answer.ok) { problem(explain(answer)); return; }
      at("rating").hidden = true;
      at("who").textContent = words.thanks;
      parts.text.focus();
    } catch { problem(words.broken); }
  };
  let typedAt = 0;
  const type = () => {
    grow();
    if (!hasConversation || !parts.text.value.trim() || Date.now() - typedAt < 2500) return;
    typedAt = Date.now();
    ask("/typing", { method: "POST" }).catch(() => {});
  };
  const grow = () => {
    parts.text.style.height = "auto";
    parts.text.style.height = `${Math.min(parts.text.scrollHeight + 2, 140)}px`;
  };

  const subject = (token) => {
    try { return String(JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"))).sub); } catch { return ""; }
  };
  const signIn = (token) => {
    if (token === identity) return;
    const isOther = subject(token) !== subject(identity);
    identity = token;
    if (!isOther || !isLoaded) return;
    isLoaded = hasConversation = false; // somebody else's chat: nothing of the one before stays on the page
    cursor = "";
    HANDLERS.reset();
    stop?.abort();
    problem("");
  };

  /* Page */
  root.style.setProperty("--colour", settings.colour);
  root.style.setProperty("--on-colour", settings.text_colour);
  document.title = words.title;
  at("title").textContent = words.title;
  at("person").textContent = words.person;
  at("person").hidden = false;
  at("earlier").textContent = words.earlier;
  at("text-label").textContent = words.placeholder;
  inline(settings.consent, false, at("terms-text"));
  at("name-label").textContent = words.name;
  at("email-label").textContent = words.email;
  parts.text.placeholder = words.placeholder;
  parts.log.setAttribute("aria-label", words.title);
  at("send").setAttribute("aria-label", words.send);
  at("close").setAttribute("aria-label", words.close);
  at("attach").setAttribute("aria-label", words.attach);
  at("attach").title = words.attach;
  at("attach").addEventListener("click", () => at("file").click());
  at("file").addEventListener("change", attach);
  at("rating-title").textContent = words.rate;
  at("comment-label").textContent = words.better;
  at("rate").textContent = words.sendrating;
  for (let stars = 1; stars <= 5; stars++) {
    const choice = at("stars").appendChild(make("label")), button = choice.appendChild(make("input"));
    Object.assign(button, { type: "radio", name: "stars", value: String(stars) });
    choice.append(String(stars));
  }
  at("rating").addEventListener("submit", (event) => { event.preventDefault(); rate(); });
  at("form").addEventListener("submit", (event) => { event.preventDefault(); send(); });
  at("person").addEventListener("click", askForPerson);
  at("earlier").addEventListener("click", earlier);
  at("close").addEventListener("click", () => tell({ webChat: "close" }));
  parts.text.addEventListener("input", type);
  parts.text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); send(); }
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") tell({ webChat: "close" }); });
  window.addEventListener("message", (event) => {
    if (event.source !== parent || parent === window || !event.data?.webChat) return;
    site = event.origin;
    if (!visitor && /^[\w-]{20,200}$/.test(event.data.visitor)) visitor = event.data.visitor;
    signIn(typeof event.data.identity === "string" && event.data.identity.length <= 4000 ? event.data.identity : "");
    isOpen = event.data.webChat === "opened" || (event.data.webChat !== "closed" && isOpen);
    load();
    if (isOpen) {
      unread = 0;
      toEnd();
      (parts.first.hidden || at("name").value ? parts.text : at("name")).focus();
    }
  });
})();
