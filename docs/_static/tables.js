// On a narrow screen site.css puts the cells of a row below each other; each then needs the heading of its column.
document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("table.docutils")) {
    const headings = [...table.querySelectorAll("thead th")].map((heading) => heading.textContent.trim());
    // Markdown demands a head of every table, even where there is nothing to say.
    if (headings.every((heading) => heading === "")) table.tHead.hidden = true;
    for (const row of table.querySelectorAll("tbody tr")) {
      [...row.children].forEach((cell, column) => {
        if (cell.textContent.trim() === "" && !cell.querySelector("img")) cell.classList.add("empty");
        else if (column > 0 && headings[column]) cell.dataset.heading = headings[column];
      });
    }
  }
});
