"use strict";
// Cards: `#/KEY` in the address opens the card of a number or an exhibit. Facts come from data.js.

const $ = (id) => document.getElementById(id);
const card = $("card");
const CELL = /^(.+):(\d+):(\d+)$/;

/** Make an element; children are elements or text. */
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

const code = (text) => make("code", null, text);
const link = (key, text) => make("a", { href: `#/${key}` }, text);
const thousands = (count) => Number(count).toLocaleString("en-GB");

/** Name of an exhibit as the paper has it. */
function called(name) {
  const facts = AIGREEN.exhibits[name];
  return facts?.label ? `${facts.label}. ${facts.title}` : facts?.title || name;
}

function file(path) {
  const facts = AIGREEN.files[path];
  const hash = facts ? make("span", { class: "hash" }, `sha256 ${facts.sha256}, ${thousands(facts.bytes)} bytes`) : null;
  return make("li", null, code(path), hash);
}

/** A list that is folded where it is long. */
function files(paths) {
  const list = make("ul", null, ...paths.map(file));
  if (paths.length <= 3) return list;
  return make("details", null, make("summary", null, `${paths.length} files`), list);
}

function listing(facts) {
  const { first, lines } = facts.code;
  const [from, to] = facts.lines.length ? facts.lines : [0, 0];
  const rows = lines.map((line, i) => {
    const written = first + i >= from && first + i <= to;
    return make("span", { class: written ? "line written" : "line" }, make("span", { class: "number" }, `${first + i}`), line);
  });
  return make("pre", { tabindex: "0", "aria-label": `Lines of ${facts.script}` }, ...rows);
}

function command(text) {
  const pre = make("pre", null, text);
  const button = make("button", { type: "button" }, "Copy");
  button.addEventListener("click", () => {
    const select = () => getSelection().selectAllChildren(pre);
    if (!navigator.clipboard) return select();
    navigator.clipboard.writeText(text).then(() => (button.textContent = "Copied"), select);
  });
  return make("div", { class: "run" }, pre, button);
}

function specification(name) {
  const facts = AIGREEN.specifications[name];
  if (!facts) return code(name);
  const label = (key) => ({ n_rows: "observations", n_units: "units", n_clusters: "clusters" })[key] ?? key.replaceAll("_", " ");
  const said = (value) => {
    if (Array.isArray(value)) return value.join(", ");
    if (typeof value === "object") return Object.entries(value).map((pair) => pair.join("=")).join(", ");
    return typeof value === "number" ? thousands(value) : value;
  };
  const hidden = ["errors", "n_rows", "n_units", "n_clusters", "label", "group"];
  const rows = Object.entries(facts).filter(([key, value]) => !hidden.includes(key) && said(value) !== "");
  return make("div", null, code(name), make("ul", null, ...rows.map(([key, value]) => make("li", null, `${label(key)}: `, code(said(value))))));
}

/** Another number, with a link to its card. */
function number(key) {
  return link(key, AIGREEN.numbers[key].text);
}

/** What a number is to an estimate, in words. */
const ASPECTS = {
  error: "standard error", low: "lower end of the interval", high: "upper end of the interval", p: "p-value", "adjusted p": "adjusted p-value",
  "band low": "lower end of the simultaneous interval", "band high": "upper end of the simultaneous interval",
  percent: "in percent", share: "share of the total", truth: "truth", n: "observations", detectable: "smallest effect that could be found", verdict: "verdict",
};

/** Error, intervals and p-value of an estimate. */
function measures(facts, whose, but) {
  const others = Object.entries(facts.related ?? {}).filter(([, key]) => key !== but);
  const { error, interval, low, high, p, ...more } = Object.fromEntries(others);
  const parts = [];
  const term = (text) => (whose ? `${whose} ${text[0].toLowerCase()}${text.slice(1)}` : text);
  const ends = (one, other) => make("span", null, number(one), " to ", number(other));
  if (error) parts.push([term("Standard error"), number(error)]);
  if (interval) parts.push([term("Interval"), number(interval)]);
  if (low && high) parts.push([term("Interval"), ends(low, high)]);
  if (more["band low"] && more["band high"]) parts.push([term("Simultaneous interval"), ends(more["band low"], more["band high"])]);
  if (p) parts.push([term("p-value"), number(p)]);
  if (more["adjusted p"]) parts.push([term("Adjusted p-value"), number(more["adjusted p"])]);
  if (more.percent) parts.push([whose ? "In percent" : term("In percent"), number(more.percent)]);
  if (more.truth) parts.push([term("Truth"), number(more.truth)]);
  return parts;
}

function errors(key, facts) {
  const parts = measures(facts);
  if (facts.of) {
    const above = AIGREEN.numbers[facts.of];
    parts.push(["Belongs to", make("span", null, `${ASPECTS[facts.aspect] ?? facts.aspect} of `, number(facts.of))]);
    if (!facts.related) parts.push(...measures(above, "Its", key));
  }
  return parts;
}

function held(facts) {
  const said = { same: "the same as the accepted value", minor: "off by one unit of the last digit", different: "not the accepted value" };
  if (!facts.held) return AIGREEN.certificate ? null : "no accepted values are recorded";
  const accepted = "accepted" in facts ? `; accepted is ${facts.accepted ?? "absent"}` : "";
  return make("span", { class: `held-${facts.held}` }, said[facts.held] + accepted);
}

/** Observations, units and clusters; of a difference, those of its two sides. */
function sampled(facts) {
  const said = (one) =>
    [[one.n, "observations"], [one.units, "units"], [one.clusters, "clusters"]].filter(([n]) => n !== undefined).map(([n, of]) => `${thousands(n)} ${of}`).join(", ");
  if (!facts.samples) return said(facts);
  return make("ul", null, ...facts.samples.map((one) => make("li", null, code(one.spec), said(one) ? `: ${said(one)}` : "")));
}

function numberRows(key, facts) {
  const cell = CELL.exec(key);
  const place = facts.place ?? key;
  const exhibit = facts.exhibit && AIGREEN.exhibits[facts.exhibit] ? link(facts.exhibit, called(facts.exhibit)) : facts.shown;
  return [
    [cell ? "Place" : "Key", cell ? place : code(place)],
    ["Value", code(`${facts.value}`)],
    ["Unit", facts.unit],
    ...errors(key, facts),
    ["Sample", sampled(facts)],
    ["Errors are", facts.errors],
    ["Specification", facts.spec ? specification(facts.spec) : null],
    ["Shown in", facts.cell && AIGREEN.numbers[facts.cell] ? make("span", null, exhibit, ", ", link(facts.cell, AIGREEN.numbers[facts.cell].place)) : exhibit],
    ["Quoted from", facts.study ? `accepted results of the study ${facts.study}` : null],
    ["Certificate", facts.study ? null : held(facts)],
  ];
}

function exhibitRows(facts) {
  return [
    ["Quoted from", facts.study ? `accepted results of the study ${facts.study}` : null],
    ["Rule", make("span", null, code(facts.rule), make("span", { class: "hash" }, `code sha256 ${AIGREEN.rules[facts.rule].code}`))],
    ["Script", script(facts)],
    ["Inputs", files(facts.inputs)],
    ["Starts from", files(facts.starts_from)],
    ["Files", files(facts.files)],
    ["Here as", facts.here ? make("span", { class: "links" }, ...facts.here.map((path) => make("a", { href: path }, path.split(".").pop().toUpperCase()))) : null],
    ["Modules", make("details", null, make("summary", null, `${AIGREEN.rules[facts.rule].modules.length} files of code`), make("ul", null, ...AIGREEN.rules[facts.rule].modules.map((path) => make("li", null, code(path)))))],
    ["Rerun this", command(facts.rerun)],
  ];
}

/** Name of a script with the lines in question. */
const placed = (facts) => facts.script + (facts.lines.length ? `, ${[...new Set(facts.lines)].join("–")}` : "");

/** Script and the lines in question, with those around them. */
function script(facts) {
  return make("div", null, code(placed(facts)), listing(facts));
}

/** How a number of the prose is made: by the rule of the exhibit that shows it, then entered by that of the numbers. */
function entryRows(facts) {
  const of = facts.study ? ` of the study ${facts.study}` : "";
  const numbers = AIGREEN.exhibits.numbers;
  const shown = facts.study ? facts.by : AIGREEN.exhibits[facts.exhibit];
  const lines = AIGREEN.scripts[facts.script];
  const made = facts.study ? shown && AIGREEN.scripts[`${shown.script}:${shown.exhibit}`] : shown;
  const entered = [code(facts.rule), ", ", code(lines ? placed(lines) : facts.script)];
  const rows = [["Rule", make("span", null, code((shown ?? facts).rule), of)]];
  rows.push(["Script", made ? script(made) : lines ? script(lines) : facts.script && code(facts.script)]);
  if (made) rows.push(["Entered by", make("span", null, ...entered)]);
  if (facts.study) {
    const again = `python3 run.py snakemake --config study=${facts.study} --force`;
    const targets = [facts.shown?.startsWith("tables/") ? `${facts.shown}.json` : "", "numbers.json"].filter(Boolean);
    rows.push(["Inputs", files([`paper/expected/${facts.study}/numbers.json`])]);
    rows.push(["Rerun this", command([again, ...targets.map((file) => `results/${facts.study}/${file}`)].join(" "))]);
    return rows;
  }
  const rest = exhibitRows(shown ?? numbers).filter(([term]) => ["Inputs", "Starts from", "Modules"].includes(term));
  const target = numbers.rerun.split(" ").at(-1);
  return [...rows, ...rest, ["Rerun this", command(shown && shown !== numbers ? `${shown.rerun} ${target}` : numbers.rerun)]];
}

/** The numbers and exhibits of the page in reading order, each once. */
const order = [...new Set([...document.querySelectorAll("a.n, a.how")].map((a) => a.hash.slice(2)))];

let shown = ""; // key of the card that is open, or was last
let opener = null; // link that opened it

function show(key) {
  const facts = AIGREEN.numbers[key];
  const exhibit = AIGREEN.exhibits[key];
  if (!facts && !exhibit) return false;
  const made = exhibit ? exhibitRows(exhibit) : CELL.test(key) ? exhibitRows(AIGREEN.exhibits[facts.exhibit]) : entryRows(facts);
  const rows = [...(facts ? numberRows(key, facts) : []), ...made].filter(([, value]) => value !== null && value !== undefined && value !== "");
  $("card-kind").textContent = facts ? (CELL.test(key) ? called(facts.exhibit) : "Number in the text") : key;
  $("card-title").textContent = facts ? facts.text : called(key);
  $("card-body").replaceChildren(make("dl", null, ...rows.flatMap(([term, value]) => [make("dt", null, term), make("dd", null, value)])));
  const at = order.indexOf(key);
  $("previous").disabled = at <= 0;
  $("next").disabled = at < 0 || at === order.length - 1;
  shown = key;
  if (!card.open) card.showModal();
  card.scrollTop = 0;
  $("card-title").focus();
  mark(key);
  return true;
}

function mark(key) {
  document.querySelectorAll("a[aria-current=true]").forEach((a) => a.removeAttribute("aria-current"));
  places(key).forEach((a) => a.setAttribute("aria-current", "true"));
}

const places = (key) => [...document.querySelectorAll("main a.n, main a.how")].filter((a) => a.hash === `#/${key}`);
const current = () => (location.hash.startsWith("#/") ? decodeURIComponent(location.hash.slice(2)) : "");

function step(by) {
  const next = order[order.indexOf(current()) + by];
  if (next !== undefined && order.includes(current())) location.replace(`#/${next}`);
}


function route() {
  const key = current();
  if (key && show(key)) return;
  if (card.open) card.close();
}

/** Leave the address before the card closes: the event of closing comes later, and another card may be asked for. */
function leave() {
  if (current() === shown) history.replaceState(null, "", "#");
}

function closeCard() {
  leave();
  card.close();
}

card.addEventListener("cancel", leave);
card.addEventListener("close", () => {
  if (card.open || current()) return; // the next card is here or on its way
  const place = opener?.hash === `#/${shown}` ? opener : places(shown)[0];
  mark("");
  if (place && place !== opener) place.scrollIntoView({ block: "center" });
  place?.focus({ preventScroll: true });
  opener = null;
});
card.addEventListener("click", (event) => event.target === card && closeCard());
$("close").addEventListener("click", closeCard);
$("previous").addEventListener("click", () => step(-1));
$("next").addEventListener("click", () => step(1));
card.addEventListener("keydown", (event) => {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (by && !event.target.closest("pre")) {
    step(by);
    event.preventDefault();
  }
});
addEventListener("hashchange", route);
document.addEventListener("click", (event) => {
  const a = event.target.closest("main a[href^='#/']");
  if (a) opener = a;
  if (a && a.hash === location.hash) route();
});

// Arrow keys go from cell to cell of a table, of which Tab reaches one.
document.addEventListener("keydown", (event) => {
  const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  const cell = event.target.closest?.("td .n");
  if (!move || !cell) return;
  const rows = [...cell.closest("table").querySelectorAll("tbody tr")].map((row) => [...row.children]);
  let row = rows.findIndex((cells) => cells.includes(cell.closest("td")));
  let column = rows[row].indexOf(cell.closest("td"));
  do {
    [row, column] = [row + move[0], column + move[1]];
    const next = rows[row]?.[column]?.querySelector(".n");
    if (next) {
      cell.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
      break;
    }
  } while (rows[row] && column >= 0 && column < 99);
  event.preventDefault();
});

// Figures: value, intervals and sample of the point nearest to the pointer.
const hover = $("hover");
const REACH = 30; // pixels

function point(event) {
  const image = event.target.closest?.(".plate img");
  const points = image && AIGREEN.exhibits[decodeURIComponent(image.parentElement.hash.slice(2))]?.points;
  if (!points) return null;
  const box = image.getBoundingClientRect();
  const at = points.map(([x, y, text]) => ({ x: box.left + x * box.width, y: box.top + y * box.height, text }));
  const far = ({ x, y }) => Math.hypot(x - event.clientX, y - event.clientY);
  const nearest = at.reduce((one, other) => (far(other) < far(one) ? other : one));
  return far(nearest) <= REACH ? nearest : null;
}

document.addEventListener("pointermove", (event) => {
  const found = event.pointerType === "touch" ? null : point(event);
  hover.hidden = !found;
  if (!found) return;
  hover.textContent = found.text;
  const room = document.documentElement.clientWidth - hover.offsetWidth - 8;
  hover.style.left = `${Math.max(8, Math.min(found.x + 14, room))}px`;
  hover.style.top = `${Math.max(8, found.y - hover.offsetHeight - 10)}px`;
});
addEventListener("scroll", () => (hover.hidden = true), { passive: true });

// Colours: those of the system until the reader chooses.
const theme = $("theme");
const dark = matchMedia("(prefers-color-scheme: dark)");

function paint(chosen) {
  if (chosen) document.documentElement.dataset.theme = chosen;
  const now = document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
  theme.textContent = now === "dark" ? "Light" : "Dark";
  theme.setAttribute("aria-label", `Change to ${theme.textContent.toLowerCase()} colours`);
}

function remembered(value) {
  try {
    return value ? localStorage.setItem("theme", value) : localStorage.getItem("theme");
  } catch {
    return null; // storage is off
  }
}

theme.addEventListener("click", () => {
  const chosen = theme.textContent.toLowerCase();
  remembered(chosen);
  paint(chosen);
});
dark.addEventListener("change", () => paint());
paint(remembered());

// Contents: beside the paper where there is room.
const wide = matchMedia("(min-width: 68rem)");
const unfold = () => ($("contents").open = wide.matches);
wide.addEventListener("change", unfold);
unfold();
$("contents").addEventListener("click", (event) => event.target.closest("a") && unfold());

// The section that is read, in the contents.
const links = new Map([...document.querySelectorAll("nav a")].map((a) => [a.hash.slice(1), a]));
const headingsOf = [...links.keys()].map($).filter(Boolean);

function follow() {
  const read = headingsOf.findLast((heading) => heading.getBoundingClientRect().top < 120);
  links.forEach((a, id) => (id === read?.id ? a.setAttribute("aria-current", "location") : a.removeAttribute("aria-current")));
}

addEventListener("scroll", () => requestAnimationFrame(follow), { passive: true });
follow();
route();
