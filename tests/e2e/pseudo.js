/* Makes every text 40 per cent longer, as a translation may be; returns what is cut off then, in a line each. */
() => {
  const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode);
  for (const text of texts) {
    const words = text.data.trim();
    if (!words || text.parentElement.closest("svg, code, pre, time, .bubble, textarea, option, script, style")) continue;
    const longer = "ẽ".repeat(Math.ceil(words.length * 0.4)).replace(/.{12}/gu, "$& "); // in words that may wrap
    text.data = `${text.data} ${longer}`.slice(0, text.data.length * 2);
  }
  const cut = [];
  for (const element of document.querySelectorAll("main button, main a, main th, main td, main label, main h1, main h2, main p")) {
    if (element.closest(".clip, .conversation, .picker, .board, .lead-card, .visually-hidden") || element.querySelector(".clip")) continue;
    const style = getComputedStyle(element);
    if (style.overflowX === "visible" || !element.clientWidth || style.textOverflow === "ellipsis") continue;
    if (element.scrollWidth > element.clientWidth + 1) cut.push(`cut: ${element.localName} ${element.textContent.slice(0, 60)}`);
  }
  if (document.documentElement.scrollWidth > innerWidth) cut.push(`wider than the window by ${document.documentElement.scrollWidth - innerWidth}`);
  return [...new Set(cut)];
}
