// Numbers and times, for people.

const formats = [0, 1, 2].map((n) => new Intl.NumberFormat(undefined, { minimumFractionDigits: n, maximumFractionDigits: n }));
const seconds = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const DAY = 24 * 3_600_000;

export const count = (n) => formats[0].format(n);

// A value with as many decimals as its range has room for, so that those of a metric are aligned.
export function value(v, metric) {
  if (typeof v !== "number") return "–";
  const range = metric ? metric.max - metric.min : 100;
  return formats[range >= 1_000 ? 0 : range >= 50 ? 1 : 2].format(v);
}

export const clock = (at) => seconds.format(at);

// A time of the last days.
export const moment = (at, now) => (Math.abs(now - at) < DAY / 2 ? seconds : day).format(at);

// How long something takes, roughly.
export function span(ms) {
  const s = Math.max(0, Math.round(ms / 1_000));
  if (s < 60) return `${s} s`;
  if (s < 3_600) return `${Math.floor(s / 60)} min`;
  if (s < 86_400) return `${Math.floor(s / 3_600)} h`;
  return `${Math.floor(s / 86_400)} d`;
}

export const statuses = {
  alarm: { label: "Alarm", rank: 0 },
  warning: { label: "Warning", rank: 1 },
  silent: { label: "Silent", rank: 2 },
  new: { label: "New", rank: 3 },
  ok: { label: "OK", rank: 4 },
};

// The words and the rank of a status, also of one that this page does not know.
export function status(name) {
  return Object.hasOwn(statuses, name) ? statuses[name] : { label: String(name), rank: 5 };
}

export const vias = { ws: "WebSocket", mqtt: "MQTT", http: "HTTP" };

export const via = (name) => (Object.hasOwn(vias, name) ? vias[name] : "–");

const collator = new Intl.Collator(undefined, { numeric: true });

export const compare = collator.compare;
