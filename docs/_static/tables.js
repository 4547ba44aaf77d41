// On a narrow screen site.css puts the cells of a row below each other; each then needs the heading of its column.
document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("table.docutils")) {
    const headings = [...table.querySelectorAll("thead th")].map((heading) => heading.textContent.trim());
    for (const row of table.querySelectorAll("tbody tr")) {
      [...row.children].forEach((cell, column) => {
        if (column > 0 && headings[column]) cell.dataset.heading = headings[column];
      });
    }
  }
});
