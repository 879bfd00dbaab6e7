import { useEffect, useRef } from "react";

/* Tells whether the page is shown: at first, whenever its tab is hidden or shown again, and when `subject` changes. */
export function PageVisibility({ subject, onChange }) {
  const tell = useRef(null);
  tell.current = () => onChange && onChange(document.visibilityState === "visible");
  useEffect(() => {
    tell.current(); // returns nothing: React would call what an effect returns
  }, [subject]);
  useEffect(() => {
    const listen = () => tell.current();
    document.addEventListener("visibilitychange", listen);
    return () => document.removeEventListener("visibilitychange", listen);
  }, []);
  return null;
}
