for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const titles = [...table.tHead.rows[0].cells];
  titles.forEach((title, column) => title.firstChild.addEventListener("click", () => {
    const isNumber = title.classList.contains("number");
    const value = row => {
      const cell = row.cells[column];
      if (!isNumber) return cell.textContent;
      const number = Number(cell.dataset.value ?? NaN);
      return Number.isNaN(number) ? -Infinity : number;
    };
    const [first, other] = isNumber ? ["descending", "ascending"] : ["ascending", "descending"];
    const order = title.getAttribute("aria-sort") === first ? other : first;
    const sign = order === "ascending" ? 1 : -1;
    const rows = [...body.rows].map(row => [value(row), row]);
    rows.sort(([left], [right]) => sign * (left < right ? -1 : left > right ? 1 : 0));
    titles.forEach(each => each.removeAttribute("aria-sort"));
    title.setAttribute("aria-sort", order);
    body.append(...rows.map(([, row]) => row));
  }));
}
