// Sorting, filtering and the choice of light or dark. Pages say all without it.
"use strict";

const tables = document.querySelectorAll("table.sortable");

// What a row is sorted by in a column: the number it holds, or its text.
function key(row, column) {
  const cell = row.cells[column];
  if (!cell) return "";
  const sort = cell.dataset.sort;
  const text = sort === undefined ? cell.textContent.trim() : sort;
  const number = Number(text.replace(/[\s\u00a0]/g, "").replace("−", "-").replace("%", ""));
  return text !== "" && !Number.isNaN(number) ? number : text;
}

function sortBy(table, column, heading) {
  const down = heading.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => ({ row, key: key(row, column) }));
  rows.sort((a, b) => {
    if (typeof a.key === "number" && typeof b.key === "number") return a.key - b.key;
    return String(a.key).localeCompare(String(b.key), "en", { numeric: true });
  });
  if (down) rows.reverse();
  for (const { row } of rows) body.append(row);
}

function makeSortable(table) {
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.title = "Sort by this column";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => sortBy(table, column, heading));
  });
}

function makeFilter(table) {
  const rows = [...table.tBodies[0].rows];
  if (rows.length < 6) return;
  const label = document.createElement("label");
  const input = document.createElement("input");
  const count = document.createElement("output");
  input.type = "search";
  input.placeholder = "words, all of which a row holds";
  label.append("Filter " + (table.dataset.name || "rows") + " ", input);
  const frame = document.createElement("div");
  frame.className = "filter";
  frame.append(label, count);
  const place = table.closest(".scroll") || table;
  place.before(frame);
  const texts = rows.map((row) => row.textContent.toLowerCase());
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, at) => {
      row.hidden = !words.every((word) => texts[at].includes(word));
      if (!row.hidden) shown += 1;
    });
    count.textContent = words.length ? shown + " of " + rows.length : "";
  });
}

// Light or dark: what the system says, until the reader chooses.
function makeTheme() {
  const root = document.documentElement;
  const stored = (() => { try { return localStorage.getItem("theme"); } catch { return null; } })();
  if (stored) root.dataset.theme = stored;
  const dark = () => root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "theme";
  const say = () => { button.textContent = dark() ? "Light" : "Dark"; };
  say();
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* a file may have no storage */ }
    say();
  });
  document.querySelector("header").append(button);
}

tables.forEach(makeSortable);
tables.forEach(makeFilter);
makeTheme();
// "/" goes to the first filter.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.matches("input, select, textarea")) return;
  const input = document.querySelector(".filter input");
  if (input) { event.preventDefault(); input.focus(); }
});
