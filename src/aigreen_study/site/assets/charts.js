"use strict";
// Charts that readers steer: one estimator of several, one ring of several. Without this script the drawing and the
// table say the same. Facts are `chart` of an exhibit: series of [place, value, low, high], null where there is none.

const NS = "http://www.w3.org/2000/svg";
const MARGIN = { top: 30, right: 14, bottom: 42, left: 58 };
const ROW = 52; // pixels a part

function drawn(tag, attributes, ...children) {
  const element = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const words = (x, y, text, more) => drawn("text", { x, y, ...more }, text);
const decimal = (value) => value.toFixed(3).replace(/^-(?=0\.0*$)/, "").replace("-", "\u2212");
const whole = (value) => `${value}`.replace("-", "\u2212");

function said(name, [, value, low, high], level) {
  const interval = low === null || high === null ? "no interval" : `${level} interval [${decimal(low)}, ${decimal(high)}]`;
  return `${name}: ${decimal(value)}, ${interval}`;
}

/** Four to seven round numbers between two. */
function ticks(low, high) {
  const rough = (high - low) / 7;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const found = [];
  for (let i = Math.ceil(low / step); i * step <= high; i += 1) found.push(Number((i * step).toPrecision(12)));
  return found;
}

const scale = (low, high, from, to) => (value) => from + ((value - low) / (high - low)) * (to - from);
const clipped = (value, [low, high]) => Math.min(Math.max(value, low), high);

/** Effects by horizon: one series in full, the others pale. */
function horizons(svg, chart, chosen, width) {
  const height = Math.max(240, Math.min(380, width * 0.56));
  const places = [...new Set(chart.series.flatMap(({ points }) => points.map(([place]) => place)))].sort((a, b) => a - b);
  const x = scale(places[0] - 0.5, places.at(-1) + 0.5, MARGIN.left, width - MARGIN.right);
  const y = scale(...chart.range, height - MARGIN.bottom, MARGIN.top);
  const size = chart.range[1] - chart.range[0];
  const digits = (value) => whole(size < 0.05 ? value.toFixed(3) : Number(value.toPrecision(3)));
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  for (const value of ticks(...chart.range)) {
    svg.append(drawn("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(value), y2: y(value) }));
    svg.append(words(MARGIN.left - 8, y(value) + 4, digits(value), { "text-anchor": "end" }));
  }
  if (chart.range[0] < 0 && chart.range[1] > 0) svg.append(drawn("line", { class: "zero", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(0), y2: y(0) }));
  svg.append(drawn("line", { class: "start", x1: x(-0.5), x2: x(-0.5), y1: MARGIN.top, y2: height - MARGIN.bottom }));
  const every = Math.ceil((places.length * 26) / (width - MARGIN.left - MARGIN.right));
  for (const place of places.filter((one) => one % every === 0)) {
    svg.append(words(x(place), height - MARGIN.bottom + 17, whole(place), { "text-anchor": "middle" }));
  }
  svg.append(words((MARGIN.left + width - MARGIN.right) / 2, height - 6, chart.x, { "text-anchor": "middle" }));
  svg.append(words(4, 16, chart.y, {}));
  const paint = ({ name, points }, kind, aside) => {
    for (const point of points) {
      const [, value, low, high] = point;
      const place = point[0] + aside;
      const mark = drawn("g", { class: kind }, drawn("title", {}, said(`${name}, horizon ${whole(point[0])}`, point, chart.level)));
      if (kind === "chosen" && low !== null && high !== null) {
        const ends = [low, high].map((end) => y(clipped(end, chart.range)));
        mark.append(drawn("line", { x1: x(place), x2: x(place), y1: ends[0], y2: ends[1] }));
        if (low < chart.range[0]) mark.append(drawn("path", { class: "cut", d: `M${x(place) - 4} ${ends[0] - 6}h8l-4 6z` }));
        if (high > chart.range[1]) mark.append(drawn("path", { class: "cut", d: `M${x(place) - 4} ${ends[1] + 6}h8l-4 -6z` }));
      }
      mark.append(drawn("circle", { cx: x(place), cy: y(clipped(value, chart.range)), r: kind === "chosen" ? 4.5 : 3 }));
      svg.append(mark);
    }
  };
  const others = chart.series.filter((_, i) => i !== chosen);
  others.forEach((one, i) => paint(one, "other", i < others.length / 2 ? -0.28 + 0.13 * i : 0.28 - 0.13 * (others.length - 1 - i)));
  paint(chart.series[chosen], "chosen", 0);
}

/** All parts under one choice, on an axis that all choices share. */
function rings(svg, chart, chosen, width) {
  const height = chart.series.length * ROW + MARGIN.bottom;
  const x = scale(...chart.range, 10, width - 10);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  for (const value of ticks(...chart.range)) {
    svg.append(drawn("line", { class: value === 0 ? "zero" : "grid", x1: x(value), x2: x(value), y1: 4, y2: height - MARGIN.bottom }));
    svg.append(words(x(value), height - MARGIN.bottom + 16, whole(Number(value.toPrecision(3))), { "text-anchor": "middle" }));
  }
  svg.append(words(width / 2, height - 6, chart.x, { "text-anchor": "middle" }));
  chart.series.forEach(({ name, points }, row) => {
    const point = points[chosen];
    const [, value, low, high] = point;
    const at = row * ROW + 36;
    const mark = drawn("g", { class: "chosen" }, drawn("title", {}, said(name, point, chart.level)));
    if (low !== null && high !== null) mark.append(drawn("line", { x1: x(low), x2: x(high), y1: at, y2: at }));
    mark.append(drawn("circle", { cx: x(value), cy: at, r: 5 }));
    svg.append(words(10, row * ROW + 18, said(name, point, chart.level), { class: "name" }), mark);
  });
}

/** A drawing that follows the width of its place and what was chosen last. */
function follows(draw, chart, label) {
  const svg = drawn("svg", { role: "img", "aria-label": label });
  let chosen = 0;
  const again = () => {
    const width = Math.round(svg.clientWidth || svg.parentElement?.clientWidth || 0);
    if (!width) return;
    svg.replaceChildren();
    draw(svg, chart, chosen, width);
  };
  new ResizeObserver(again).observe(svg);
  const choose = (which) => {
    chosen = which;
    again();
  };
  return { svg, choose };
}

/** Buttons above the drawing: all estimators, as the paper has them, or one in full. */
function estimators(plate, chart, name) {
  const { svg, choose } = follows(horizons, chart, "One estimator by horizon, the others pale");
  const box = make("div", { class: "chart", hidden: "" }, svg);
  const buttons = ["All", ...chart.series.map((one) => one.name)].map((text, i) => {
    const button = make("button", { type: "button", "aria-pressed": `${i === 0}` }, text);
    button.addEventListener("click", () => {
      buttons.forEach((other) => other.setAttribute("aria-pressed", `${other === button}`));
      plate.hidden = i > 0;
      box.hidden = i === 0;
      if (i) choose(i - 1);
    });
    return button;
  });
  plate.before(make("div", { class: "choices", role: "group", "aria-label": `Estimators of ${called(name)}` }, ...buttons));
  plate.after(box);
}

/** A slider below the table: its rows one by one. */
function slider(table, chart, name) {
  const { svg, choose } = follows(rings, chart, "Parts of the effect under the exposure chosen");
  const input = make("input", { type: "range", min: "0", max: `${chart.choices.length - 1}`, step: "1", value: "0", "aria-label": `Exposure of ${called(name)}` });
  const output = make("output", null);
  const set = () => {
    const text = chart.choices[Number(input.value)];
    output.textContent = text;
    input.setAttribute("aria-valuetext", text);
    choose(Number(input.value));
  };
  input.addEventListener("input", set);
  table.after(make("div", { class: "chart" }, make("div", { class: "slide" }, input, output), svg));
  set();
}

for (const [name, facts] of Object.entries(AIGREEN.exhibits)) {
  const figure = facts.chart && document.querySelector(`figcaption a.how[href="#/${name}"]`)?.closest("figure");
  if (!figure) continue;
  const plate = figure.querySelector(".plate");
  if (plate) estimators(plate, facts.chart, name);
  else slider(figure.querySelector(".scroll"), facts.chart, name);
}
