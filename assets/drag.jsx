import { useRef } from "react";

/* What lies inside can be dragged where it has data-drag, and dropped where it has data-drop; the page hears which
   on which. Everything it does can be done by keyboard elsewhere on the page. */
export function DragArea({ children, onMove, className }) {
  const held = useRef("");
  const marked = useRef(null);
  const mark = (place) => {
    if (marked.current === place) return;
    if (marked.current) marked.current.classList.remove("drop-here");
    if (place) place.classList.add("drop-here");
    marked.current = place;
  };
  const closest = (event, name) => event.target.closest && event.target.closest(`[${name}]`);
  return (
    <div
      className={className}
      onDragStart={(event) => {
        const thing = closest(event, "data-drag");
        held.current = thing ? thing.getAttribute("data-drag") : "";
        if (thing) {
          event.dataTransfer.effectAllowed = "move";
          event.dataTransfer.setData("text/plain", held.current);
        }
      }}
      onDragOver={(event) => {
        const place = held.current ? closest(event, "data-drop") : null;
        if (place) event.preventDefault();
        mark(place);
      }}
      onDragEnd={() => {
        held.current = "";
        mark(null);
      }}
      onDrop={(event) => {
        const place = closest(event, "data-drop");
        const thing = held.current;
        held.current = "";
        mark(null);
        if (!place || !thing) return;
        event.preventDefault();
        onMove && onMove(thing, place.getAttribute("data-drop"));
      }}
    >
      {children}
    </div>
  );
}
