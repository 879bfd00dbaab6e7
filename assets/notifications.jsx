import { useEffect, useState } from "react";

const COUNTED = /^\(\d+\) /;
const shown = new Set(); // ids of what this tab has shown, so that nothing is shown twice

const showTitle = (unread) => {
  const plain = document.title.replace(COUNTED, "");
  const wanted = unread > 0 ? `(${unread}) ${plain}` : plain;
  if (document.title !== wanted) document.title = wanted;
};

const show = (arrival) => {
  if (shown.has(arrival.id)) return;
  shown.add(arrival.id);
  if (!document.hidden || !("Notification" in window) || Notification.permission !== "granted") return;
  try {
    const made = new Notification(arrival.words, { tag: arrival.id });
    made.onclick = () => {
      window.focus();
      window.location.assign(arrival.href);
      made.close();
    };
  } catch {
    /* a phone's browser shows them from a service worker alone */
  }
};

/* Counts unread notifications in the title of the tab, and shows new ones by the browser while the tab is hidden. */
export function NotificationSignals({ unread, arrivals }) {
  useEffect(() => {
    showTitle(unread);
    const observer = new MutationObserver(() => showTitle(unread)); // each page sets its own title
    observer.observe(document.head, { childList: true, subtree: true, characterData: true });
    return () => observer.disconnect();
  }, [unread]);
  useEffect(() => (arrivals || []).forEach(show), [arrivals]);
  return null;
}

/* Says whether this browser shows notifications, and asks for the permission when it is pressed. */
export function BrowserPermission({ ask, granted, denied, missing }) {
  const [permission, setPermission] = useState("");
  useEffect(() => setPermission("Notification" in window ? Notification.permission : "missing"), []);
  const words = { granted, denied, missing }[permission];
  const request = async () => setPermission(await Notification.requestPermission());
  return (
    <div role="status">
      {permission === "default" && (
        <button type="button" className="soft-button" onClick={request}>
          {ask}
        </button>
      )}
      {words && <span className="muted small">{words}</span>}
    </div>
  );
}
