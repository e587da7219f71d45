/* The table of layers and totals. */
class Summary {
  /* `go` leads to what a row is about, in the picture. */
  constructor(root, go) {
    Object.assign(this, { root, go, shown: "" });
  }

  show(summary) {
    const shown = JSON.stringify(summary);
    if (shown !== this.shown) this.#fill(summary);
    this.shown = shown;
  }

  #fill({ title, rows, totals }) {
    const head = make("tr", {}, ...["Layer", "Output", "Parameters", "MACs"].map((name) => make("th", { scope: "col" }, name)));
    patch(
      this.root,
      make("h3", {}, title),
      make("table", { class: "layers" }, make("thead", {}, head), make("tbody", {}, ...rows.map((row) => this.#row(row)))),
      make("table", { class: "figures" }, make("tbody", {}, ...totals.map((total) => Summary.#total(total)))),
    );
  }

  #row({ caption, level, label, macs, output, parameters, path }) {
    const layer = make("button", { type: "button", title: caption, "data-level": level, onclick: () => this.go(path) }, label);
    const cells = [output, parameters, macs].map((cell) => make("td", {}, cell));
    return make("tr", { "data-key": path }, make("th", { scope: "row" }, layer), ...cells);
  }

  static #total([name, value, note]) {
    const first = name ? make("th", { scope: "row" }, name) : make("td", {});
    return make("tr", {}, first, make("td", {}, value), make("td", { class: "note" }, note));
  }
}
