import { useCallback, useRef, useState } from "react";

/* Sends files one after another as raw bodies and shows how far each has come. Texts come from the page. */
export function FileUpload({ address, category, accept, asks, single, words, onDone }) {
  const input = useRef(null);
  const [files, setFiles] = useState([]);
  const [over, setOver] = useState(false);

  const change = (key, values) =>
    setFiles((all) => all.map((one) => (one.key === key ? { ...one, ...values } : one)));

  /* Asks what becomes of a source of the same name: "replace", "keep", or "" to leave the file out. */
  const choose = async (file, key) => {
    if (!asks) return "replace";
    const query = new URLSearchParams({ name: file.name, category: category || "" });
    try {
      const answer = await fetch(`${address}/taken?${query}`);
      if (!answer.ok || !(await answer.json()).taken) return "replace";
    } catch {
      return "replace"; // the upload itself says what is wrong
    }
    const chosen = await new Promise((resolve) => change(key, { choose: resolve }));
    if (chosen) change(key, { choose: null });
    else setFiles((all) => all.filter((one) => one.key !== key));
    return chosen;
  };

  const send = useCallback(
    (file, key, sameName) =>
      new Promise((resolve) => {
        const request = new XMLHttpRequest();
        request.open("POST", address);
        request.setRequestHeader("Content-Type", "application/octet-stream");
        request.setRequestHeader("X-File-Name", encodeURIComponent(file.name));
        if (category) request.setRequestHeader("X-Category", category);
        if (asks) request.setRequestHeader("X-Same-Name", sameName);
        request.upload.onprogress = (event) =>
          event.lengthComputable && change(key, { progress: Math.round((event.loaded / event.total) * 100) });
        request.onload = () => {
          let problem = "";
          if (request.status >= 300) {
            try {
              problem = JSON.parse(request.responseText).detail || words.failed;
            } catch {
              problem = words.failed;
            }
          }
          if (problem) change(key, { problem });
          else setFiles((all) => all.filter((one) => one.key !== key));
          resolve();
        };
        request.onerror = () => {
          change(key, { problem: words.failed });
          resolve();
        };
        request.send(file);
      }),
    [address, category, asks, words],
  );

  const take = async (list) => {
    const chosen = Array.from(list || []).slice(0, single ? 1 : undefined).map((file) => ({ file, key: crypto.randomUUID() }));
    setFiles((all) => [
      ...all.filter((one) => !one.problem),
      ...chosen.map(({ file, key }) => ({ key, name: file.name, progress: 0, problem: "" })),
    ]);
    for (const { file, key } of chosen) {
      const sameName = await choose(file, key);
      if (sameName) await send(file, key, sameName);
    }
    onDone && onDone();
  };

  return (
    <div
      className={over ? "upload over" : "upload"}
      onDragOver={(event) => (event.preventDefault(), setOver(true))}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        take(event.dataTransfer.files);
      }}
    >
      <input
        ref={input}
        id="files"
        type="file"
        multiple={!single}
        accept={accept}
        className="visually-hidden"
        aria-hidden="true"
        tabIndex={-1}
        onChange={(event) => {
          take(event.target.files);
          event.target.value = "";
        }}
      />
      <button type="button" className="upload-button" onClick={() => input.current.click()}>
        {words.choose}
      </button>
      <span className="muted small">{words.hint}</span>
      {files.length > 0 && (
        <ul className="upload-list" aria-live="polite">
          {files.map((one) => (
            <li key={one.key}>
              <span className="clip">{one.name}</span>
              {one.choose ? (
                <span className="upload-choice" role="group" aria-label={one.name}>
                  <span className="small">{words.taken}</span>
                  {["replace", "keep", ""].map((chosen) => (
                    <button key={chosen} type="button" className="upload-button" onClick={() => one.choose(chosen)}>
                      {words[chosen || "skip"]}
                    </button>
                  ))}
                </span>
              ) : one.problem ? (
                <span className="problem-text">{one.problem}</span>
              ) : (
                <progress max="100" value={one.progress} aria-label={one.name} />
              )}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
