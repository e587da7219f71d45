/* Where the text is written: a textarea over a painted copy of its text. */
class Editor {
  /* Listeners are told when the text has `changed`, and to which line the caret has `moved`. */
  constructor(root, lexicon, listeners) {
    Object.assign(this, { listeners, findings: [], spot: null, line: -1 });
    this.area = root.querySelector("textarea");
    this.sheet = new Sheet(root, this.area, lexicon);
    this.hint = document.getElementById("preview-hint");
    this.known = "";
    this.isLeaving = false;
    this.area.addEventListener("input", () => this.#typed());
    this.area.addEventListener("keydown", (event) => this.#pressed(event));
    this.area.addEventListener("blur", () => (this.isLeaving = false));
    for (const name of ["click", "keyup", "focus"]) this.area.addEventListener(name, () => this.#moved());
    document.addEventListener("selectionchange", () => document.activeElement === this.area && this.#moved());
    this.#draw();
  }

  get text() {
    return this.area.value;
  }

  get caret() {
    return this.area.selectionStart;
  }

  /* Take another text; the caret and what is on the screen stay where they are in it. */
  load(text) {
    const { selectionStart, selectionEnd, scrollTop, scrollLeft } = this.area;
    const shift = new Shift(this.text, text);
    this.area.value = text;
    this.area.setSelectionRange(shift.offset(selectionStart), shift.offset(selectionEnd));
    Object.assign(this.area, { scrollTop, scrollLeft });
    this.#follow();
    this.#draw();
    this.#moved();
  }

  /* Take another text as the writer's own change, which can be undone. */
  replace(text) {
    const { head, tail, moved } = new Shift(this.text, text);
    this.edit([{ at: [head, tail], text: text.slice(head, tail + moved) }]);
  }

  /* Say what is wrong with the text as it is. */
  judge(findings) {
    this.findings = findings.filter((finding) => finding.at);
    this.#draw();
    this.#describe();
  }

  /* Show where something stands: null for nothing. */
  point(range) {
    this.spot = range;
    if (range && document.activeElement !== this.area) this.area.setSelectionRange(...range);
    this.#draw();
    if (range) this.sheet.reveal(range);
  }

  /* Take the writer to a place. */
  go([start, end]) {
    this.area.focus({ preventScroll: true });
    this.area.setSelectionRange(start, end);
    this.sheet.reveal([start, end]);
    this.#moved();
  }

  /* Change the text in a way that can be undone; places are those of the text as it is. */
  edit(edits) {
    this.area.focus();
    for (const { at, text } of [...edits].sort((one, other) => other.at[0] - one.at[0])) {
      this.area.setSelectionRange(...at);
      if (text || at[0] < at[1]) this.#insert(text);
    }
  }

  /* To the next finding, or the one before, around the end. */
  step(step) {
    const places = this.findings.map((finding) => finding.at);
    if (!places.length) return;
    const ahead = places.filter(([start]) => (start - this.caret) * step > 0);
    const next = step > 0 ? (ahead[0] ?? places[0]) : (ahead.at(-1) ?? places.at(-1));
    this.go(next);
  }

  #insert(text) {
    const done = text ? document.execCommand("insertText", false, text) : document.execCommand("delete");
    if (done) return;
    this.area.setRangeText(text, this.area.selectionStart, this.area.selectionEnd, "end");
    this.#typed();
  }

  #typed() {
    this.#follow();
    this.spot = null;
    this.#draw();
    this.#moved();
    this.listeners.changed();
  }

  /* Findings go with what they are about; those in what was changed go away. */
  #follow() {
    const shift = new Shift(this.known, this.text);
    this.findings = this.findings.map((finding) => ({ ...finding, at: shift.range(finding.at) })).filter((finding) => finding.at);
    this.spot = this.spot && shift.range(this.spot);
    this.known = this.text;
  }

  #moved() {
    const line = lineOf(this.starts, this.caret);
    if (line === this.line && this.text === this.read) return;
    this.line = line;
    this.read = this.text;
    this.#draw();
    this.#describe();
    this.listeners.moved(line);
  }

  /* What is wrong with the caret's line, for those who hear it. */
  #describe() {
    const said = this.findings.filter((finding) => lineOf(this.starts, finding.at[0]) === this.line);
    put(this.hint, said.map((finding) => `${finding.severity}: ${finding.message}`).join(". "));
    this.area.setAttribute("aria-invalid", String(this.findings.some((finding) => finding.severity === "error")));
  }

  /* Tab indents; behind Escape it leads on, as it does elsewhere. */
  #pressed(event) {
    const leaves = event.key === "Tab" && this.isLeaving;
    if (event.key !== "Shift") this.isLeaving = event.key === "Escape";
    if (leaves || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key !== "Enter" && event.key !== "Tab") return;
    event.preventDefault();
    if (event.key === "Enter") this.#break();
    else this.#indent(event.shiftKey ? -1 : 1);
  }

  /* Begin a line, as far in as the last one, or further behind a bracket. */
  #break() {
    const start = this.text.lastIndexOf("\n", this.caret - 1) + 1;
    const before = this.text.slice(start, this.caret);
    const deeper = /[{([]\s*(#.*)?$/.test(before) ? "  " : "";
    this.#insert(`\n${before.match(/^[ \t]*/)[0]}${deeper}`);
  }

  /* Move the selected lines in or out; without a selection, what is behind the caret in. */
  #indent(step) {
    const { selectionStart: from, selectionEnd: to } = this.area;
    if (from === to && step > 0) return this.#insert("  ");
    const last = lineOf(this.starts, Math.max(from, to - 1));
    const start = this.starts[lineOf(this.starts, from)];
    const end = (this.starts[last + 1] ?? this.text.length + 1) - 1;
    const before = this.text.slice(start, end);
    const after = step > 0 ? before.replace(/^(?=.)/gm, "  ") : before.replace(/^(?: {1,2}|\t)/gm, "");
    if (after === before) return undefined;
    this.edit([{ at: [start, end], text: after }]);
    const caret = Math.max(start, from + after.length - before.length);
    return this.area.setSelectionRange(...(from === to ? [caret, caret] : [start, start + after.length]));
  }

  #draw() {
    const { findings, line, spot, text } = this;
    this.starts = this.sheet.draw({ findings, line, spot, text });
  }
}
