/* Finds boxes by words, and goes from match to match. */
class Search {
  constructor(viewer) {
    Object.assign(this, { viewer, found: [] });
    this.query = viewer.part("query");
    this.query.addEventListener("input", () => this.run());
    this.query.addEventListener("keydown", (event) => this.#typed(event));
    viewer.part("before").addEventListener("click", () => this.step(-1));
    viewer.part("search").addEventListener("submit", (event) => {
      event.preventDefault();
      this.step(1);
    });
  }

  /* Look for what is asked for, in the picture that is shown. */
  run() {
    const words = this.query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const { picture } = this.viewer;
    picture.haystack ??= picture.elements.map((_, place) => picture.words(place));
    this.found = words.length ? picture.haystack.flatMap((hay, place) => (words.every((word) => hay.includes(word)) ? [place] : [])) : [];
    for (const name of ["before", "after"]) this.viewer.part(name).disabled = !this.found.length;
    this.#count(words.length > 0);
    this.viewer.paintRings();
  }

  /* The next match behind the selection, around the end. */
  step(step) {
    const { found } = this;
    if (!found.length) return;
    const { place: current } = this.viewer;
    const here = found.indexOf(current);
    const start = here >= 0 ? here : step > 0 ? found.findLastIndex((place) => place < current) : found.findIndex((place) => place > current);
    const next = here < 0 && start < 0 ? (step > 0 ? 0 : found.length - 1) : (start + step + found.length) % found.length;
    this.viewer.select(found[next], { focuses: false });
    this.#count(true);
  }

  #count(isAsked) {
    const number = this.found.indexOf(this.viewer.place) + 1;
    const all = this.found.length;
    put(this.viewer.part("count"), !isAsked ? "" : !all ? "none" : number ? `${number} of ${all}` : `${all} found`);
  }

  #typed(event) {
    if (event.key === "Enter" && event.shiftKey) {
      event.preventDefault();
      this.step(-1);
    } else if (event.key === "Escape") {
      event.preventDefault();
      this.query.value = "";
      this.run();
      this.viewer.stage.focus({ preventScroll: true });
    }
  }
}
