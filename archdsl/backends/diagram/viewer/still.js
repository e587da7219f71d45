/* A picture as it is, as a file: its colours written out, without what the page added to it. */
function still({ svg, width, height }) {
  const copy = svg.cloneNode(true);
  const [live, drawn] = [svg, copy].map((root) => [...root.querySelectorAll("path, polygon, polyline, text")]);
  live.forEach((mark, place) => {
    const { fill, stroke, visibility } = getComputedStyle(mark);
    drawn[place].setAttribute("fill", fill);
    if (stroke !== "none") drawn[place].setAttribute("stroke", stroke);
    if (visibility === "hidden") drawn[place].setAttribute("visibility", visibility);
  });
  copy.lastElementChild.remove();
  for (const name of ["style", "class"]) copy.removeAttribute(name);
  for (const group of copy.querySelectorAll("[tabindex]")) {
    for (const name of ["tabindex", "aria-current"]) group.removeAttribute(name);
    if (group.getAttribute("role") === "button") group.setAttribute("role", "graphics-symbol");
  }
  copy.setAttribute("width", `${width}pt`);
  copy.setAttribute("height", `${height}pt`);
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(copy)}\n`;
}

/* Hand a file to the reader. */
function handOver(blob, name) {
  const link = URL.createObjectURL(blob);
  make("a", { href: link, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(link), 10_000);
}
