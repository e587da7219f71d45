/* A textarea over a painted copy of its text: words in colours, what is wrong underlined and said behind its line. */
class Editor {
  /* Letters up to which a text is painted at each key. */
  static PAINTED = 200_000;

  constructor(root, lexicon, listeners) {
    Object.assign(this, { lexicon, listeners, findings: [], spot: null, line: -1 });
    this.area = root.querySelector("textarea");
    this.paint = root.querySelector(".paint");
    this.numbers = root.querySelector(".numbers pre");
    this.hint = document.getElementById("preview-hint");
    this.known = "";
    this.area.addEventListener("input", () => this.#typed());
    this.area.addEventListener("scroll", () => this.#scrolled());
    this.area.addEventListener("keydown", (event) => this.#pressed(event));
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

  /* Say what is wrong with the text as it is. */
  judge(findings) {
    this.findings = findings.filter((finding) => finding.at);
    this.#draw();
    this.#describe();
  }

  /* Show where something stands: null for nothing. */
  point(range) {
    this.spot = range;
    if (range) {
      if (document.activeElement !== this.area) this.area.setSelectionRange(...range);
      this.#reveal(range[0]);
    }
    this.#draw();
  }

  /* Take the writer to a place. */
  go([start, end]) {
    this.area.focus({ preventScroll: true });
    this.area.setSelectionRange(start, end);
    this.#reveal(start);
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
    this.#scrolled();
    [...this.numbers.children].forEach((number, place) => number.classList.toggle("here", place === line));
    this.#describe();
    this.listeners.moved(line);
  }

  /* What is wrong with the caret's line, for those who hear it. */
  #describe() {
    const said = this.findings.filter((finding) => lineOf(this.starts, finding.at[0]) === this.line);
    this.hint.textContent = said.map((finding) => `${finding.severity}: ${finding.message}`).join(". ");
    this.area.setAttribute("aria-invalid", String(this.findings.some((finding) => finding.severity === "error")));
  }

  #pressed(event) {
    if (event.key !== "Enter" || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const start = this.text.lastIndexOf("\n", this.caret - 1) + 1;
    const before = this.text.slice(start, this.caret);
    const deeper = /[{([]\s*(#.*)?$/.test(before) ? "  " : "";
    this.#insert(`\n${before.match(/^[ \t]*/)[0]}${deeper}`);
  }

  #reveal(offset) {
    const height = parseFloat(getComputedStyle(this.area).lineHeight);
    const top = lineOf(this.starts, offset) * height;
    const { scrollTop, clientHeight } = this.area;
    if (top < scrollTop || top > scrollTop + clientHeight - 2 * height) this.area.scrollTop = top - clientHeight / 3;
    this.#scrolled();
  }

  #scrolled() {
    const { scrollTop, scrollLeft } = this.area;
    this.paint.style.transform = `translate(${-scrollLeft}px,${-scrollTop}px)`;
    this.numbers.style.transform = `translateY(${-scrollTop}px)`;
    for (const remark of this.paint.querySelectorAll(".remark")) this.#pull(remark, scrollLeft);
  }

  /* Move a remark that would be out of sight over the end of its line, behind what it is about; not while that is being written. */
  #pull(remark, scrollLeft) {
    const isWritten = document.activeElement === this.area && remark.dataset.line === String(this.line);
    const marks = [...remark.parentElement.querySelectorAll(":scope > :is(.error, .warning):not(.remark)")];
    const least = Math.max(48, ...marks.map((mark) => mark.offsetLeft + mark.offsetWidth - scrollLeft + 10));
    const [own, room] = [remark.offsetLeft - scrollLeft, this.area.clientWidth - remark.offsetWidth - 12];
    const moved = Math.min(0, Math.max(least, room) - own);
    remark.style.transform = isWritten || !moved ? "" : `translateX(${moved}px)`;
  }

  // Painting

  #draw() {
    const { text } = this;
    this.starts = lineStarts(text);
    const words = text.length <= Editor.PAINTED ? this.lexicon.read(text) : [];
    const marks = this.findings.map(({ at, severity }) => [at[0], Math.max(at[1], at[0] + 1), severity]);
    if (this.spot) marks.push([...this.spot, "spot"]);
    const remarks = this.#remarks();
    const lines = this.starts.map((start, line) => {
      const end = (this.starts[line + 1] ?? text.length + 1) - 1;
      return make("span", { class: "line" }, ...this.#stretches(start, end, words, marks), ...(remarks.get(line) ?? []), "\n");
    });
    this.paint.replaceChildren(...lines);
    this.#count();
    this.#scrolled();
  }

  /* What is said behind a line: the worst of what is wrong with it. */
  #remarks() {
    const remarks = new Map();
    for (const { at, severity, message } of this.findings) {
      const line = lineOf(this.starts, at[0]);
      const isWorse = severity === "error" && remarks.get(line)?.[0].classList.contains("warning");
      if (!remarks.has(line) || isWorse) remarks.set(line, [make("span", { class: `remark ${severity}`, "data-line": line }, message)]);
    }
    return remarks;
  }

  /* A line cut wherever a word or a mark begins or ends. */
  #stretches(start, end, words, marks) {
    const within = ([from, to]) => from < end && to > start;
    const first = Editor.#first(words, start);
    let last = first;
    while (last < words.length && words[last][0] < end) last++;
    const own = words.slice(first, last);
    const drawn = marks.filter(within);
    const cuts = new Set([start, end]);
    for (const [from, to] of [...own, ...drawn]) cuts.add(Math.max(from, start)).add(Math.min(to, end));
    const places = [...cuts].sort((one, other) => one - other);
    return places.slice(1).map((stop, number) => {
      const from = places[number];
      const kinds = [...own, ...drawn].filter(([left, right]) => left <= from && right >= stop).map(([, , kind]) => kind);
      const letters = this.text.slice(from, stop);
      return kinds.length ? make("span", { class: kinds.join(" ") }, letters) : letters;
    });
  }

  /* The first of some stretches in order that ends behind a place. */
  static #first(words, start) {
    let [low, high] = [0, words.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (words[middle][1] <= start) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #count() {
    const worst = new Map();
    for (const { at, severity } of this.findings) {
      const line = lineOf(this.starts, at[0]);
      if (worst.get(line) !== "error") worst.set(line, severity);
    }
    const numbers = this.starts.map((_, line) => make("span", { class: [worst.get(line), line === this.line ? "here" : ""].join(" ").trim() }, `${line + 1}\n`));
    this.numbers.replaceChildren(...numbers);
  }
}
