// Sortable tables: a click (or Enter) on a heading sorts, a second one turns the order round.
function cellValue(row, column) {
  const text = row.children[column].textContent.trim();
  const number = Number(text.replace(/[\s\u2009\u202f%]/g, "").replace("−", "-").replace("±", ""));
  return text === "" || text === "–" ? null : Number.isNaN(number) ? text : number;
}
function sortBy(table, column, falling) {
  const rows = [...table.tBodies[0].rows].map((row) => [cellValue(row, column), row]);
  rows.sort(([a], [b]) => {
    if (a === null || b === null) return (a === null) - (b === null);
    const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true });
    return falling ? -order : order;
  });
  table.tBodies[0].append(...rows.map(([, row]) => row));
  [...table.tHead.rows[0].cells].forEach((cell, index) => {
    if (index === column) cell.setAttribute("aria-sort", falling ? "descending" : "ascending");
    else cell.removeAttribute("aria-sort");
  });
}
for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((cell, column) => {
    if (cell.hasAttribute("data-fixed")) return;
    const words = cell.classList.contains("left");
    const button = el("button", { type: "button", onclick: () => {
      const now = cell.getAttribute("aria-sort");
      sortBy(table, column, now ? now === "ascending" : !words);
    } }, [...cell.childNodes]);
    cell.replaceChildren(button);
  });
}
