/* A border that the reader moves: by pointer, or by keys while it has the focus. The parts beside it share their room, none less than its least size. */
class Splitter {
  /* Percent that an arrow key moves it. */
  static STEP = 2;
  static UPRIGHT = { size: "width", least: "minWidth", start: "left", pointer: "clientX", back: "ArrowLeft", on: "ArrowRight" };
  static LEVEL = { size: "height", least: "minHeight", start: "top", pointer: "clientY", back: "ArrowUp", on: "ArrowDown" };

  /* Of two parts, it moves the end of the one before and the beginning of the one after. */
  constructor(bar, before, after, choices) {
    const axis = bar.getAttribute("aria-orientation") === "vertical" ? Splitter.UPRIGHT : Splitter.LEVEL;
    Object.assign(this, { bar, before, after, choices, axis, held: 0 });
    const share = choices.get(bar.id);
    if (Number.isFinite(share)) this.#share(share);
    bar.addEventListener("pointerdown", (event) => this.#hold(event));
    bar.addEventListener("pointermove", (event) => this.#drag(event));
    bar.addEventListener("dblclick", () => this.reset());
    bar.addEventListener("keydown", (event) => this.#pressed(event));
    const watch = new ResizeObserver(() => this.#tell());
    for (const part of [before, after]) watch.observe(part);
  }

  /* Give the part before it some percent of the room. */
  move(share) {
    const { least, most } = this.#measure();
    const kept = Math.round(Math.min(Math.max(share, least), most) * 100) / 100;
    this.choices.keep(this.bar.id, kept);
    this.#share(kept);
    this.#tell();
  }

  /* Take it back to where it is at first. */
  reset() {
    this.choices.keep(this.bar.id, undefined);
    for (const part of [this.before, this.after]) part.style.flexGrow = "";
    this.#tell();
  }

  #share(share) {
    this.before.style.flexGrow = share;
    this.after.style.flexGrow = 100 - share;
  }

  /* Where it is and may be, in percent, and how many pixels they are of. */
  #measure() {
    const { size, least } = this.axis;
    const [own, other] = [this.before, this.after].map((part) => part.getBoundingClientRect()[size]);
    const room = own + other || 1;
    const [low, high] = [this.before, this.after].map((part) => ((parseFloat(getComputedStyle(part)[least]) || 0) / room) * 100);
    return { room, now: (own / room) * 100, least: low, most: Math.max(low, 100 - high) };
  }

  #tell() {
    const { now, least, most } = this.#measure();
    for (const [name, value] of Object.entries({ now, min: least, max: most })) {
      this.bar.setAttribute(`aria-value${name}`, String(Math.round(value)));
    }
  }

  // Events

  /* How far a pointer is from where the part before it begins. */
  #reach(event) {
    return event[this.axis.pointer] - this.before.getBoundingClientRect()[this.axis.start];
  }

  #hold(event) {
    if (event.button !== 0) return;
    this.held = this.#reach(event) - this.before.getBoundingClientRect()[this.axis.size];
    this.bar.setPointerCapture(event.pointerId);
  }

  #drag(event) {
    if (!this.bar.hasPointerCapture(event.pointerId)) return;
    this.move(((this.#reach(event) - this.held) / this.#measure().room) * 100);
  }

  #pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { now, least, most } = this.#measure();
    const { back, on } = this.axis;
    const share = { [back]: now - Splitter.STEP, [on]: now + Splitter.STEP, Home: least, End: most }[event.key];
    if (share === undefined && event.key !== "Enter") return;
    event.preventDefault();
    if (share === undefined) this.reset();
    else this.move(share);
  }
}
