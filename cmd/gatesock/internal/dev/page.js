// Shows what gatesock dev runs, and why it does not.
const $ = (selector) => document.querySelector(selector);

const element = (name, text, className) => {
  const e = document.createElement(name);
  if (text) e.textContent = text;
  if (className) e.className = className;
  return e;
};

function rows(address, tryIt) {
  const list = element("dl");
  const row = (label, ...values) => {
    const value = element("dd");
    value.append(...values);
    list.append(element("dt", label), value);
  };
  row("address", element("code", address.url || address.tls));
  if (address.url && address.tls) row("", element("code", address.tls));
  row("stage", element("code", address.stage));
  row("routes", ...(address.routes ?? []).map((key) => element("code", key, "route")));
  if (address.authorizer) row("authorizer", element("code", address.authorizer));
  if (tryIt) row("try it", element("code", tryIt));
  return list;
}

// The token of the workbench is not in the status, which every program that reaches the port gets.
function bench(status) {
  const list = element("dl");
  const link = element("a", location.origin + "/_gatesock/");
  link.href = "/_gatesock/";
  const value = element("dd");
  value.append(link, element("div", "The first time, open the address with the token that the terminal shows.", "hint"));
  list.append(element("dt", "workbench"), value);
  list.append(element("dt", "seed"), element("dd", status.seed));
  return list;
}

function trouble(status) {
  const box = $("#trouble");
  box.hidden = status.state !== "failed";
  box.replaceChildren(element("h2", status.title));
  for (const p of status.problems ?? []) {
    const place = element("div");
    place.append(element("code", `${p.file}:${p.line}${p.column ? ":" + p.column : ""}`, "place"));
    box.append(place, element("div", p.text, "text"), element("pre", p.source));
  }
  if (status.output) box.append(element("pre", status.output));
}

new EventSource("/.gatesock/status").addEventListener("message", (e) => {
  const status = JSON.parse(e.data);
  $("#state").className = status.state;
  $("#state").title = status.state;
  $("#name").textContent = status.name;
  document.title = `${status.state === "failed" ? "✗ " : ""}${status.name} – gatesock dev`;
  $("#apis").replaceChildren(...(status.addresses ?? []).map((a, i) => rows(a, i === 0 ? status.try : "")));
  if (status.seed) $("#apis").append(bench(status));
  trouble(status);
});
