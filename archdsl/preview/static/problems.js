/* The list of what is wrong with the text. */
class Problems {
  constructor(root, tab, editor) {
    Object.assign(this, { root, tab, editor, judged: "" });
  }

  /* List what was found in a text. */
  show(findings, text) {
    this.judged = text;
    put(this.tab, findings.length ? `Problems ${findings.length}` : "Problems");
    this.tab.classList.toggle("error", findings.some((finding) => finding.severity === "error"));
    const list = make("ol", { class: "findings" }, ...findings.map((finding) => this.#item(finding)));
    patch(this.root, findings.length ? list : make("p", { class: "quiet" }, "Nothing is wrong."));
  }

  #item({ at, code, fixes, hint, labels, message, severity, where }) {
    const head = [
      make("span", { class: `sign ${severity}` }, severity),
      make("span", { class: "message" }, message),
      make("span", { class: "code" }, `${code} · ${where}`),
    ];
    return make(
      "li",
      { "data-key": `${code} ${message}` },
      at ? this.#button(at, ...head) : make("div", {}, ...head),
      hint && make("p", { class: "hint" }, hint),
      ...labels.map((label) => this.#button(label.at, make("span", { class: "label" }, `${label.message} · ${label.where}`))),
      ...fixes.map((fix) => make("button", { type: "button", class: "fix", "data-key": fix.title, onclick: () => this.#mend(fix) }, fix.title)),
    );
  }

  #button(range, ...content) {
    return make("button", { type: "button", onclick: () => this.editor.go(this.#now(range)) }, ...content);
  }

  /* A place of the text that was judged, in the text as it is. */
  #now([start, end]) {
    const shift = new Shift(this.judged, this.editor.text);
    return [shift.offset(start), shift.offset(end)];
  }

  #mend(fix) {
    const shift = new Shift(this.judged, this.editor.text);
    const edits = fix.edits.map(({ at, text }) => ({ at: shift.range(at), text }));
    if (edits.every(({ at }) => at)) this.editor.edit(edits);
  }
}
