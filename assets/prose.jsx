import { cloneElement, createContext, isValidElement, memo, useContext, useRef, useState } from "react";
import { Check, Copy } from "lucide-react";
import ReactMarkdown from "react-markdown";
import remarkGfm from "remark-gfm";

const CITED = /\[(\d{1,3})\]/g;
const SOURCE = "#source-";
const ALLOWED = /^(https?|mailto|tel):/i; // addresses that lead out of the console, and nowhere within it
const Words = createContext({});

/* Splits a text at the numbers of its sources; `link` makes what stands for one that exists. */
const split = (text, numbers, link) => {
  const parts = [];
  let from = 0;
  for (const match of text.matchAll(CITED)) {
    if (!numbers.includes(Number(match[1]))) continue;
    if (match.index > from) parts.push(text.slice(from, match.index));
    parts.push(link(Number(match[1])));
    from = match.index + match[0].length;
  }
  if (from < text.length) parts.push(text.slice(from));
  return parts;
};

const linkNode = (number) => ({ type: "link", url: SOURCE + number, children: [{ type: "text", value: String(number) }] });

/* Makes links of the numbers of sources, except in code and in other links. */
const linkSources = (numbers) => () => {
  const walk = (node) => {
    if (!node.children || node.type === "link") return;
    node.children = node.children.flatMap((child) => {
      if (child.type !== "text") {
        walk(child);
        return [child];
      }
      return split(child.value, numbers, linkNode).map((part) => (part.type ? part : { type: "text", value: part }));
    });
  };
  return walk;
};

/* A number in a reply: it leads to the source of that number under the same reply. */
function Citation({ number }) {
  const { source } = useContext(Words);
  const go = (event) => {
    event.preventDefault();
    event.currentTarget.closest("article")?.querySelector(`[data-source="${number}"]`)?.focus();
  };
  return (
    <a href={SOURCE + number} className="citation" aria-label={`${source || ""} ${number}`.trim()} onClick={go}>
      {number}
    </a>
  );
}

function Link({ href, children }) {
  if (href?.startsWith(SOURCE)) return <Citation number={href.slice(SOURCE.length)} />;
  if (!ALLOWED.test(href || "")) return <span>{children}</span>;
  return (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow" className="text-link">
      {children}
    </a>
  );
}

function CodeBlock({ children }) {
  const { copy, copied } = useContext(Words);
  const code = useRef(null);
  const text = isValidElement(children) ? [].concat(children.props.children || "").join("").replace(/\n$/, "") : "";
  const [isCopied, setCopied] = useState(false);
  const take = () => {
    navigator.clipboard?.writeText(code.current.textContent);
    setCopied(true);
  };
  return (
    <div className="code-block">
      <pre ref={code} tabIndex={0}>
        {isValidElement(children) ? cloneElement(children, {}, text) : children}
      </pre>
      <button
        type="button"
        className="code-copy"
        aria-label={isCopied ? copied : copy}
        title={isCopied ? copied : copy}
        onClick={take}
        onBlur={() => setCopied(false)}
        onPointerLeave={() => setCopied(false)}
      >
        {isCopied ? <Check size={14} aria-hidden="true" /> : <Copy size={14} aria-hidden="true" />}
      </button>
    </div>
  );
}

const heading = ({ children }) => (
  <p className="prose-heading">
    <strong>{children}</strong>
  </p>
);
const COMPONENTS = {
  a: Link,
  pre: CodeBlock,
  img: () => <span aria-hidden="true">🖼</span>,
  table: ({ children }) => (
    <div className="prose-table" tabIndex={0}>
      <table>{children}</table>
    </div>
  ),
  ...Object.fromEntries(["h1", "h2", "h3", "h4", "h5", "h6"].map((name) => [name, heading])),
};

/* Shows an untrusted text, as Markdown or as it is, without raw HTML and images. Numbers of sources are links. */
export const Prose = memo(
  function Prose({ text, isPlain, sources, source, copyLabel, copiedLabel }) {
    const known = (sources || []).map((chip) => chip.number);
    return (
      <Words.Provider value={{ source, copy: copyLabel, copied: copiedLabel }}>
        <div className={isPlain ? "prose plain" : "prose"}>
          {isPlain ? (
            split(text || "", known, (number) => number).map((part, at) =>
              typeof part === "number" ? <Citation key={at} number={part} /> : part,
            )
          ) : (
            <ReactMarkdown remarkPlugins={[remarkGfm, linkSources(known)]} components={COMPONENTS}>
              {text || ""}
            </ReactMarkdown>
          )}
        </div>
      </Words.Provider>
    );
  },
  (before, after) => JSON.stringify(before) === JSON.stringify(after),
);
