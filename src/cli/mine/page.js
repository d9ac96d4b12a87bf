const body = document.querySelector("tbody");
const titles = [...document.querySelectorAll("th")];
const value = (row, column) => {
  const cell = row.cells[column];
  return column < 2 ? cell.textContent : Number(cell.dataset.value ?? cell.textContent);
};
titles.forEach((title, column) => title.firstChild.addEventListener("click", () => {
  const first = column < 2 ? "ascending" : "descending";
  const other = column < 2 ? "descending" : "ascending";
  const order = title.getAttribute("aria-sort") === first ? other : first;
  const sign = order === "ascending" ? 1 : -1;
  const rows = [...body.rows].sort((a, b) => {
    const left = value(a, column), right = value(b, column);
    return sign * (left < right ? -1 : left > right ? 1 : 0);
  });
  titles.forEach(other => other.removeAttribute("aria-sort"));
  title.setAttribute("aria-sort", order);
  body.append(...rows);
}));
