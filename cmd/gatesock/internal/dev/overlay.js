// Shows over a page why the application behind it does not build, and loads the page again when it
// has changed. gatesock dev adds this file to the pages that it serves.
(() => {
  let box = null;
  let pages = -1;

  const element = (name, text, style) => {
    const e = document.createElement(name);
    if (text) e.textContent = text;
    Object.assign(e.style, style);
    return e;
  };

  const hide = () => {
    box?.remove();
    box = null;
  };

  const show = (status) => {
    hide();
    box = element("div", "", {
      position: "fixed", inset: "auto 0 0 0", maxHeight: "60vh", overflow: "auto", zIndex: 2147483647, padding: "16px 20px",
      background: "#1b1b1f", color: "#eee", font: "13px/1.5 ui-monospace, Menlo, Consolas, monospace", borderTop: "3px solid #e5484d",
      whiteSpace: "pre-wrap", textAlign: "left", boxSizing: "border-box",
    });
    box.setAttribute("role", "alert");
    box.dataset.gatesock = "overlay";
    const close = element("button", "×", {
      float: "right", font: "inherit", fontSize: "18px", lineHeight: 1, padding: 0, border: 0, background: "none", color: "#eee", cursor: "pointer",
    });
    close.setAttribute("aria-label", "Close");
    close.addEventListener("click", hide);
    box.append(close, element("div", status.title, { fontWeight: "bold", marginBottom: "8px" }));
    for (const p of status.problems ?? []) {
      box.append(element("div", `${p.file}:${p.line}${p.column ? ":" + p.column : ""}`, { color: "#70b8ff" }));
      box.append(element("div", p.text, { color: "#ff9592" }));
      if (p.source) box.append(element("div", p.source.replace(/\t/g, "    "), { color: "#bbb", marginBottom: "8px" }));
    }
    if (status.output) box.append(element("div", status.output, { color: "#bbb" }));
    if (status.goesOn) {
      box.append(element("div", "gatesock dev goes on with the last build that worked.", { color: "#888", marginTop: "8px" }));
    }
    document.body.append(box);
  };

  new EventSource("/.gatesock/status").addEventListener("message", (e) => {
    const status = JSON.parse(e.data);
    if (pages >= 0 && status.pages !== pages) location.reload();
    pages = status.pages;
    if (status.state === "failed") show(status);
    else if (status.state === "ready") hide();
  });
})();
