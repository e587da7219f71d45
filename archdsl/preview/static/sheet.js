/* The painted copy of a text: words in colours, what is wrong underlined and said behind its line. Only lines in sight are painted. */
class Sheet {
  /* Lines that are painted above and below those in sight. */
  static MARGIN = 12;

  constructor(root, area, lexicon) {
    Object.assign(this, { area, lexicon, text: "", starts: [0], findings: [], spot: null, line: -1, first: 0, last: -1 });
    this.paint = root.querySelector(".paint");
    this.numbers = root.querySelector(".numbers pre");
    area.addEventListener("scroll", () => this.#scrolled());
    new ResizeObserver(() => this.#scrolled()).observe(area);
  }

  /* Paint a text with its findings, a spot to look at, and the caret's line; gives where its lines begin. */
  draw({ findings, line, spot, text }) {
    const starts = text === this.text ? this.starts : lineStarts(text);
    Object.assign(this, { findings, line, spot, starts, text, last: -1 });
    this.numbers.style.minWidth = `calc(${String(starts.length).length}ch + 16px)`;
    this.#scrolled();
    return starts;
  }

  /* Scroll no further than needed to see a range, or of more than a line its first. */
  reveal([start, end]) {
    const line = lineOf(this.starts, start);
    const top = line * this.#height;
    const { scrollTop, clientHeight } = this.area;
    if (top < scrollTop || top > scrollTop + clientHeight - 2 * this.#height) this.area.scrollTop = top - clientHeight / 3;
    this.#scrolled();
    const [left, right] = [start, Math.min(end, this.#end(line))].map((offset) => this.#left(line, offset));
    const { scrollLeft, clientWidth } = this.area;
    const isSeen = left >= scrollLeft && right <= scrollLeft + clientWidth - 12;
    if (!isSeen) this.area.scrollLeft = Math.min(left - 48, right - clientWidth * 0.6);
    this.#scrolled();
  }

  get #height() {
    return parseFloat(getComputedStyle(this.area).lineHeight);
  }

  /* How far to the right an offset in a painted line stands. */
  #left(line, offset) {
    const letters = document.createTreeWalker(this.paint.children[line - this.first], NodeFilter.SHOW_TEXT);
    let rest = offset - this.starts[line];
    while (letters.nextNode() && rest > letters.currentNode.length) rest -= letters.currentNode.length;
    const place = document.createRange();
    place.setStart(letters.currentNode, Math.min(rest, letters.currentNode.length));
    return place.getBoundingClientRect().left - this.paint.getBoundingClientRect().left;
  }

  #scrolled() {
    const height = this.#height;
    const { scrollTop, scrollLeft, clientHeight } = this.area;
    const end = this.starts.length - 1;
    const top = Math.min(Math.max(0, Math.floor(scrollTop / height)), end);
    const bottom = Math.min(Math.ceil((scrollTop + clientHeight) / height), end);
    if (top < this.first || bottom > this.last) this.#fill(Math.max(0, top - Sheet.MARGIN), Math.min(bottom + Sheet.MARGIN, end));
    const below = this.first * height - scrollTop;
    this.paint.style.transform = `translate(${-scrollLeft}px,${below}px)`;
    this.numbers.style.transform = `translateY(${below}px)`;
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

  /* Paint some lines. */
  #fill(first, last) {
    Object.assign(this, { first, last });
    const [from, to] = [this.starts[first], this.#end(last)];
    const found = this.findings.filter(({ at }) => at[0] <= to && Math.max(at[1], at[0] + 1) > from);
    const marks = found.map(({ at, severity }) => [at[0], Math.max(at[1], at[0] + 1), severity]);
    if (this.spot) marks.push([...this.spot, "spot"]);
    const worst = this.#worst(found);
    const lines = Array.from({ length: last - first + 1 }, (_, place) => first + place);
    this.paint.replaceChildren(...lines.map((line) => make("span", { class: "line" }, ...this.#stretches(line, marks), ...Sheet.#remark(line, worst.get(line)), "\n")));
    this.numbers.replaceChildren(...lines.map((line) => this.#number(line, worst.get(line))));
  }

  /* Where a line ends. */
  #end(line) {
    return (this.starts[line + 1] ?? this.text.length + 1) - 1;
  }

  /* What is said of a line: the worst of what is wrong with it. */
  #worst(findings) {
    const worst = new Map();
    for (const finding of findings) {
      const line = lineOf(this.starts, finding.at[0]);
      const isWorse = finding.severity === "error" && worst.get(line)?.severity === "warning";
      if (!worst.has(line) || isWorse) worst.set(line, finding);
    }
    return worst;
  }

  static #remark(line, finding) {
    return finding ? [make("span", { class: `remark ${finding.severity}`, "data-line": line }, finding.message)] : [];
  }

  #number(line, finding) {
    const kinds = [finding?.severity, line === this.line ? "here" : ""];
    return make("span", { class: kinds.join(" ").trim() }, `${line + 1}\n`);
  }

  /* A line cut wherever a word or a mark begins or ends; no word goes on in the next line. */
  #stretches(line, marks) {
    const [start, end] = [this.starts[line], this.#end(line)];
    const words = this.lexicon.read(this.text.slice(start, end)).map(([from, to, kind]) => [from + start, to + start, kind]);
    const drawn = [...words, ...marks.filter(([from, to]) => from < end && to > start)];
    const cuts = new Set([start, end]);
    for (const [from, to] of drawn) cuts.add(Math.max(from, start)).add(Math.min(to, end));
    const places = [...cuts].sort((one, other) => one - other);
    return places.slice(1).map((stop, number) => {
      const from = places[number];
      const kinds = drawn.filter(([left, right]) => left <= from && right >= stop).map(([, , kind]) => kind);
      const letters = this.text.slice(from, stop);
      return kinds.length ? make("span", { class: kinds.join(" ") }, letters) : letters;
    });
  }
}
