"use strict";
// Search: sections, exhibits, numbers and paragraphs of the page, all in the browser.

const search = $("search");
const query = $("query");
const SHOWN = 40;

/** Title of the section in which an element stands. */
function sectionOf(element) {
  const before = titles.findLast((title) => title.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING);
  return before?.textContent ?? "";
}

const titles = [...document.querySelectorAll("main h2[id], main h3[id]")];

function paragraphs() {
  return [...document.querySelectorAll("article > p, .abstract > p, article li, figure .notes")].map((element, i) => {
    element.id ||= `text-${i + 1}`;
    return { kind: "text", href: `#${element.id}`, text: element.textContent, detail: sectionOf(element), hay: element.textContent };
  });
}

/** The words around the first place where a text has what is looked for. */
function around(text, word) {
  const at = Math.max(0, fold(text).indexOf(word));
  const start = at < 60 ? 0 : text.indexOf(" ", at - 50) + 1;
  return `${start ? "…" : ""}${text.slice(start, start + 120).trim()}…`;
}

function headings() {
  return titles.map((title) => ({ kind: "section", href: `#${title.id}`, title: title.textContent, detail: "", hay: title.textContent }));
}

function exhibits() {
  return Object.entries(AIGREEN.exhibits).map(([name, facts]) => {
    return { kind: "exhibit", href: `#/${name}`, title: called(name), detail: `${name}, rule ${facts.rule}`, hay: `${called(name)} ${name} ${facts.rule} ${facts.script}` };
  });
}

function numbers() {
  return Object.entries(AIGREEN.numbers).map(([key, facts]) => {
    const detail = CELL.test(key) ? `${called(facts.exhibit)}: ${facts.place}` : key;
    return { kind: "number", href: `#/${key}`, title: facts.text, detail, hay: `${facts.text} ${key} ${detail}` };
  });
}

const fold = (text) => text.toLowerCase().replaceAll("−", "-").replaceAll("_", " ").replaceAll(/\s+/g, " ");
let entries = null;

function find(text) {
  entries ??= [...headings(), ...exhibits(), ...paragraphs(), ...numbers()].map((entry) => ({ ...entry, hay: fold(entry.hay) }));
  const words = fold(text).split(" ").filter(Boolean);
  return words.length ? entries.filter((entry) => words.every((word) => entry.hay.includes(word))) : [];
}

function option(entry, i) {
  const title = entry.title ?? around(entry.text, fold(query.value).trim().split(" ")[0]);
  const anchor = make("a", { href: entry.href, tabindex: "-1" }, title, make("small", null, [entry.kind, entry.detail].filter(Boolean).join(" · ")));
  return make("li", { id: `hit-${i}`, role: "option", "aria-selected": "false" }, anchor);
}

function list() {
  const found = find(query.value);
  $("hits").replaceChildren(...found.slice(0, SHOWN).map(option));
  const shown = found.length > SHOWN ? `, the first ${SHOWN} shown` : "";
  $("count").textContent = query.value.trim() ? `${found.length} found${shown}` : "";
  select(0);
}

function select(at) {
  const options = [...$("hits").children];
  options.forEach((element, i) => element.setAttribute("aria-selected", String(i === at)));
  query.setAttribute("aria-activedescendant", options[at]?.id ?? "");
  options[at]?.scrollIntoView({ block: "nearest" });
}

function selected() {
  return [...$("hits").children].findIndex((element) => element.getAttribute("aria-selected") === "true");
}

/** Go where a result leads; text and sections take the focus, cards open. */
function go(href) {
  search.close();
  const target = href.startsWith("#/") ? null : document.getElementById(href.slice(1));
  if (target) {
    target.tabIndex = -1;
    target.focus();
  }
  if (location.hash === href) route();
  else location.hash = href;
}

function openSearch() {
  if (card.open) closeCard();
  search.showModal();
  query.select();
  list();
}

$("find").addEventListener("click", openSearch);
query.addEventListener("input", list);
query.addEventListener("keydown", (event) => {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const count = $("hits").children.length;
  if (by && count) {
    select((selected() + by + count) % count);
    event.preventDefault();
  }
  if (event.key === "Enter") {
    event.preventDefault();
    const anchor = $("hits").children[selected()]?.firstElementChild;
    if (anchor) go(anchor.getAttribute("href"));
  }
});
$("hits").addEventListener("click", (event) => {
  const anchor = event.target.closest("a");
  if (!anchor) return;
  event.preventDefault();
  go(anchor.getAttribute("href"));
});
search.addEventListener("click", (event) => event.target === search && search.close());
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches?.("input, textarea");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    openSearch();
  }
});
