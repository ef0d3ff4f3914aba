// The charts of a device: one for each metric, over the same time.

import { element, write } from "./dom.js";
import { draw } from "./frame.js";
import { clock, moment, value } from "./format.js";
import { now } from "./clock.js";
import { onTheme } from "./theme.js";
import uPlot from "./uplot.js";

const HEIGHT = 116;

export class Charts {
  element = element("div", { class: "charts" });
  #charts = [];
  #stops;
  #readings = []; // {at, values}, by time
  #width = 0;
  #draw = () => this.#show();

  // metrics and rules are those of the type of the device.
  constructor(metrics, rules, main) {
    const names = Object.keys(metrics).sort((a, b) => (b === main) - (a === main) || (a < b ? -1 : 1));
    this.#charts = names.map((name) => newChart(name, metrics[name], rules.filter((rule) => rule.metric === name)));
    this.element.append(...this.#charts.map(({ box }) => box));
    const observer = new ResizeObserver(([{ contentRect }]) => {
      this.#width = Math.floor(contentRect.width);
      draw(this.#draw);
    });
    observer.observe(this.element);
    const offTheme = onTheme(() => {
      for (const chart of this.#charts) chart.end();
      draw(this.#draw);
    });
    this.#stops = [() => observer.disconnect(), offTheme];
  }

  // Shows these readings. The array is not kept.
  show(readings) {
    this.#readings = readings;
    draw(this.#draw);
  }

  close() {
    for (const stop of this.#stops) stop();
    for (const chart of this.#charts) chart.end();
    this.#readings = [];
  }

  #show() {
    if (this.#width < 50 || !this.element.isConnected) return;
    const times = this.#readings.map(({ at }) => at);
    for (const chart of this.#charts) {
      chart.draw([times, this.#readings.map(({ values }) => values[chart.name] ?? null)], this.#width);
    }
  }
}

function newChart(name, metric, rules) {
  const latest = element("b");
  const when = element("span", { class: "when" });
  const plot = element("div", { class: "plot", role: "img", "aria-label": `${name} over time` });
  const head = element("p", { class: "chart-head" }, element("span", {}, name), when, latest, element("span", { class: "unit" }, metric.unit));
  const box = element("div", { class: "chart" }, head, plot);
  let u = null;
  let pointed = null;

  const readOut = () => {
    const [times, values] = u?.data ?? [[], []];
    const i = pointed ?? values.length - 1;
    write(latest, value(values[i], metric));
    write(when, pointed === null || times[i] === undefined ? "" : clock(times[i]));
  };

  const make = (data, width) => {
    const colour = colours(plot);
    u = new uPlot({
      width, height: HEIGHT, ms: 1, padding: [6, 22, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: "device" }, drag: { x: false, y: false }, points: { size: 7 } },
      scales: { x: { time: true }, y: { range: (_, least, most) => bounds(least, most, metric) } },
      axes: [axis(colour, { space: 70, size: 22, values: times }), axis(colour, { size: 44, space: 26 })],
      series: [{}, { stroke: colour.line, fill: colour.fill, width: 1.5, points: { show: false } }],
      hooks: {
        draw: [(chart) => rules.forEach((rule) => drawLimit(chart, rule, colour))],
        setCursor: [(chart) => {
          pointed = chart.cursor.idx ?? null;
          draw(readOut);
        }],
      },
    }, data, plot);
  };

  return {
    name,
    box,
    draw(data, width) {
      box.hidden = data[1].every((v) => v === null);
      if (box.hidden) return;
      if (!u) make(data, width);
      else {
        if (u.width !== width) u.setSize({ width, height: HEIGHT });
        u.setData(data);
      }
      readOut();
    },
    end() {
      u?.destroy();
      u = null;
    },
  };
}

const axis = (colour, more) => ({
  stroke: colour.text, font: "11px system-ui, sans-serif", ticks: { show: false },
  grid: { stroke: colour.grid, width: 1 }, gap: 4, ...more,
});

const times = (_, splits) => splits.map((at) => moment(at, now()));

// Some room around the values, so that noise does not look like a mountain.
function bounds(least, most, { min, max }) {
  if (least === null || most === null) return [min, max];
  const room = Math.max((most - least) * 0.15, (max - min) * 0.01);
  return [least - room, most + room];
}

// The limit of a rule, if it is in view.
function drawLimit({ ctx, bbox, valToPos, scales }, { above, below, severity }, colour) {
  const limit = above ?? below;
  if (limit === undefined || limit < scales.y.min || limit > scales.y.max) return;
  const y = Math.round(valToPos(limit, "y", true));
  ctx.save();
  ctx.strokeStyle = severity === "alarm" ? colour.alarm : colour.warning;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}

// The colours of the theme, for a canvas: an element is asked what a variable comes to.
function colours(parent) {
  const probe = element("i", { class: "probe" });
  parent.append(probe);
  const names = { line: "--accent", fill: "--accent-soft", text: "--soft", grid: "--line", alarm: "--alarm", warning: "--warning" };
  const found = Object.entries(names).map(([name, variable]) => {
    probe.style.color = `var(${variable})`;
    return [name, getComputedStyle(probe).color];
  });
  probe.remove();
  return Object.fromEntries(found);
}
