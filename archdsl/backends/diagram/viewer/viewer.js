/* What the reader does: choose, search, open and close, colour, walk along the links. */
class Viewer {
  static HEATS = { params: "Parameters", macs: "Multiply-accumulates", memory: "Activation memory", receptive: "Receptive field" };
  static KEYS = [
    ["/", "search; Enter and Shift+Enter go from match to match"],
    ["↓ ↑", "along the links from the selected box; without one, move the picture"],
    ["← →", "to the branches beside it"],
    ["Enter", "details of the selected box"],
    ["E", "open a closed block, or close the block around"],
    ["U", "select the block around"],
    ["[ ]", "fewer or more blocks open"],
    ["+ −", "zoom"],
    ["0", "fit"],
    ["Shift+arrows", "move the picture"],
    ["Escape", "let go"],
  ];
  static STEP = 80;
  /* Scale below which nobody can read a box. */
  static LEGIBLE = 0.6;

  /* What happens is told to listeners: `selected` a box, and `shown` another picture. */
  constructor(network, listeners = {}) {
    const part = (name) => document.getElementById(`viewer-${name}`);
    this.network = network;
    this.listeners = listeners;
    this.part = part;
    this.current = -1;
    this.place = -1;
    this.copy = 0;
    this.found = [];
    this.marked = [];
    this.heat = network.heat ?? "";
    this.stage = part("stage");
    this.camera = new Camera(this.stage);
    this.panel = new Panel(part("panel"), network, {
      go: (path) => this.go(path),
      open: (place) => this.openBlock(place),
      select: (place, copy) => this.select(place, { copy, shows: true }),
      shut: () => this.shutPanel(),
      shutBlock: (place) => this.closeBlock(place),
    });
    this.#listen();
    this.#fillKeys();
    this.#nameTheme();
  }

  get picture() {
    return this.network.pictures[this.current];
  }

  start() {
    this.part("heat").value = this.heat;
    this.show(this.network.shown);
    this.camera.fit();
    this.#follow();
  }

  // Pictures

  /* Change the picture; an anchor, a point in the window and where it shall be in the new one, keeps the reader's eye. */
  show(number) {
    const picture = this.network.pictures[number];
    picture.load();
    this.current = number;
    this.place = -1;
    this.trail = undefined;
    this.stage.querySelector("svg")?.remove();
    this.stage.append(picture.svg);
    this.camera.look(picture);
    const last = this.network.pictures.length - 1;
    this.part("depth").value = `${picture.boxes} box${picture.boxes === 1 ? "" : "es"}`;
    this.part("less").disabled = number === 0;
    this.part("more").disabled = number === last;
    this.#warm();
    this.marked = [];
    this.search(this.part("query").value);
    this.#rove(0);
    this.listeners.shown?.();
  }

  /* Show another state of the network: opened as far, coloured alike, and what the reader looks at where it was. */
  renew(network) {
    const before = this.picture;
    const wasEmpty = !before.elements.length;
    const [anchor, wasSelected] = wasEmpty ? ["", false] : this.#anchor();
    const hadFocus = this.stage.contains(document.activeElement);
    const old = wasEmpty ? null : this.#locate(before, anchor);
    const seen = old && this.camera.project(this.#corner(before, old.place));
    const { isFitted } = this.camera;
    const number = this.current === this.network.shown ? network.shown : Viewer.#alike(network.pictures, before.boxes);
    this.network = this.panel.network = network;
    this.show(number);
    const now = wasEmpty ? null : this.#locate(this.picture, anchor);
    if (isFitted || !seen) this.camera.fit();
    else if (now) this.camera.pin(this.#corner(this.picture, now.place), seen, this.camera.scale);
    else this.camera.pan(0, 0, false);
    if (now && wasSelected) this.select(now.place, { copy: now.copy, moves: false, focuses: hadFocus });
    else if (this.panel.isOpen) this.panel.showNetwork();
    if (wasEmpty) this.#follow();
  }

  /* The number of the picture with about as many boxes. */
  static #alike(pictures, boxes) {
    const away = pictures.map((picture) => Math.abs(picture.boxes - boxes));
    return away.indexOf(Math.min(...away));
  }

  /* Put rings around boxes that something else is about. */
  mark(places) {
    this.marked = places;
    this.#paintRings();
  }

  /* Change the picture around a path: what stands for it now is where what stood for it was. */
  change(number, path) {
    if (number === this.current || !this.network.pictures[number]) return;
    const before = this.picture;
    const [anchor, wasSelected] = path ? [path, true] : this.#anchor();
    const old = this.#locate(before, anchor);
    const seen = old && this.camera.project(this.#corner(before, old.place));
    const wasFitted = this.camera.isFitted;
    this.show(number);
    const now = this.#locate(this.picture, anchor);
    const scale = this.camera.scale;
    if (wasFitted || !now || !seen) this.camera.fit();
    const isLost = this.camera.isFitted && this.camera.scale < Viewer.LEGIBLE && wasSelected;
    if (now && seen && (!wasFitted || isLost)) this.camera.pin(this.#corner(this.picture, now.place), seen, scale);
    if (now && wasSelected) this.select(now.place, { copy: now.copy, moves: !this.camera.isFitted });
    this.say(`${this.picture.boxes} boxes`);
  }

  /* What the picture turns around: the selection, or else what is nearest to the middle of the window. */
  #anchor() {
    const { picture } = this;
    if (this.place >= 0) return [picture.pathOf(this.place, this.copy), true];
    const [x, y] = this.camera.middle;
    const away = picture.elements.map((element, place) => {
      if (element.frame) return Infinity;
      const extent = picture.extent(place);
      return Math.hypot(extent.x + extent.width / 2 - x, extent.y + extent.height / 2 - y);
    });
    return [picture.elements[away.indexOf(Math.min(...away))].path, false];
  }

  #corner(picture, place) {
    const { x, y } = picture.extent(place);
    return [x, y];
  }

  #locate(picture, path) {
    return picture.find(path) ?? picture.findHidden(path);
  }

  // Blocks

  /* The nearest picture, first of those that show more, in which a block is open. */
  openBlock(place) {
    const path = this.picture.pathOf(place, 0);
    const isOpen = (picture) => picture.elements.some((element) => element.frame && element.path === path);
    const number = this.#nearest(isOpen, 1);
    if (number < 0) {
      this.select(place, { shows: true });
      this.say(`${path} stays closed; its operators are in the details`);
      return;
    }
    this.change(number, path);
  }

  closeBlock(place) {
    const path = this.picture.pathOf(place, 0);
    const isClosed = (picture) => picture.elements.some((element) => !element.frame && element.path === path) || !picture.find(path);
    const number = this.#nearest(isClosed, -1);
    if (number < 0) this.say(`${path} is open in all pictures`);
    else this.change(number, path);
  }

  #nearest(isWanted, step) {
    const numbers = this.network.pictures.map((_, number) => number);
    const ahead = numbers.filter((number) => (number - this.current) * step > 0);
    const behind = numbers.filter((number) => (number - this.current) * step < 0);
    ahead.sort((one, other) => (one - other) * step);
    behind.sort((one, other) => (other - one) * step);
    return [...ahead, ...behind].find((number) => isWanted(this.network.pictures[number])) ?? -1;
  }

  /* Open a closed block; otherwise close the frame, or the frame around. */
  toggle(place) {
    const { frame, kind, around } = this.picture.elements[place];
    if (!frame && (kind === "block" || kind === "exit")) return this.openBlock(place);
    const own = frame ? place : around;
    return own === null ? undefined : this.closeBlock(own);
  }

  // Selection

  select(place, { copy = 0, shows = this.panel.isOpen, moves = true, focuses = true } = {}) {
    const { picture } = this;
    const isNew = place !== this.place || copy !== this.copy;
    this.trail = this.place >= 0 && this.place !== place ? { from: this.place, to: place } : this.trail;
    Object.assign(this, { place, copy });
    this.#rove(place);
    this.#paintRings();
    if (focuses && !this.part("panel").contains(document.activeElement)) picture.groups[place].focus({ preventScroll: true });
    if (shows) this.panel.showElement(picture, place, copy);
    if (moves) requestAnimationFrame(() => this.place === place && this.picture === picture && this.camera.reveal(picture.extent(place)));
    const path = picture.pathOf(place, copy);
    if (isNew) this.say(`${picture.groups[place].getAttribute("aria-label")}. ${path}`);
    this.#remember(`#${encodeURIComponent(path)}`);
    this.listeners.selected?.();
  }

  letGo() {
    if (this.place >= 0) this.stage.focus({ preventScroll: true });
    this.place = -1;
    this.#paintRings();
    this.panel.close();
    this.#remember(location.pathname + location.search);
  }

  shutPanel() {
    this.panel.close();
    const group = this.picture.groups[this.place];
    (group ?? this.part("about")).focus({ preventScroll: true });
  }

  /* Select what a path names, in the first picture that shows it: this one, or else the one that shows least. */
  go(path) {
    const { pictures } = this.network;
    const number = pictures[this.current].find(path) ? this.current : pictures.findIndex((picture) => picture.find(path));
    if (number >= 0 && number !== this.current) this.change(number, path);
    const hit = this.#locate(this.picture, path);
    if (hit) this.select(hit.place, { copy: hit.copy, shows: true });
    else this.say(`There is no ${path}`);
  }

  #follow() {
    let path = "";
    try {
      path = decodeURIComponent(location.hash.slice(1));
    } catch {
      return; // no path is written so
    }
    if (!path || (this.place >= 0 && path === this.picture.pathOf(this.place, this.copy))) return;
    this.go(path);
    if (this.place < 0 || this.camera.scale >= Viewer.LEGIBLE) return;
    const { x, y, width } = this.picture.extent(this.place);
    this.camera.zoom(1 / this.camera.scale, ...this.camera.project([x + width / 2, y]));
  }

  #remember(address) {
    try {
      history.replaceState(null, "", address);
    } catch {
      // some browsers keep the address of a file as it is
    }
  }

  /* Of all boxes, the tab key reaches one. */
  #rove(place) {
    for (const group of this.picture.groups) group.setAttribute("tabindex", "-1");
    this.picture.groups[place]?.setAttribute("tabindex", "0");
  }

  #paintRings() {
    const { picture } = this;
    const ring = (place, kind, margin) => {
      const { x, y, width, height } = picture.extent(place);
      const mark = document.createElementNS(picture.svg.namespaceURI, "rect");
      const sizes = { x: x - margin, y: y - margin, width: width + 2 * margin, height: height + 2 * margin, rx: 6, class: kind };
      for (const [name, value] of Object.entries(sizes)) mark.setAttribute(name, value);
      return mark;
    };
    const rings = this.found.map((place) => ring(place, "ring found", 2.5));
    rings.push(...this.marked.map((place) => ring(place, "ring marked", 3.5)));
    if (this.place >= 0) rings.push(ring(this.place, "ring", 3.5));
    picture.overlay.replaceChildren(...rings);
    picture.routes.forEach((ends, number) => {
      picture.linkGroups[number].classList.toggle("near", this.place >= 0 && ends.includes(this.place));
    });
    this.groupPressed?.removeAttribute("aria-current");
    this.groupPressed = picture.groups[this.place];
    this.groupPressed?.setAttribute("aria-current", "true");
  }

  // Walking

  /* Along a link: back on the way that led here, or else on the main stream. */
  walk(isForward) {
    const { next, previous } = this.picture;
    const ends = (isForward ? next : previous)[this.place];
    if (!ends.length) return this.say(isForward ? "Nothing comes after" : "Nothing comes before");
    const back = this.trail?.to === this.place && ends.includes(this.trail.from) ? this.trail.from : ends[0];
    return this.select(back);
  }

  /* To a branch beside: what shares a neighbour with the selected box, in the order in which they stand. */
  sidestep(step) {
    const { next, previous, elements } = this.picture;
    if (elements[this.place].frame) return undefined;
    const related = [...previous[this.place].flatMap((tail) => next[tail]), ...next[this.place].flatMap((head) => previous[head])];
    const centre = (place) => {
      const { x, y, width, height } = this.picture.extent(place);
      return [x + width / 2, y + height / 2];
    };
    const [left, top] = centre(this.place);
    const apart = [...new Set(related)].filter((place) => place !== this.place).map((place) => ({ place, dx: centre(place)[0] - left, dy: centre(place)[1] - top }));
    const beside = apart.filter(({ dx, dy }) => dx * step > 1 && Math.abs(dy) < Math.abs(dx) + 80);
    beside.sort((one, other) => Math.abs(one.dx) - Math.abs(other.dx));
    return beside.length ? this.select(beside[0].place) : this.walk(step > 0);
  }

  // Search

  search(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const { picture } = this;
    picture.haystack ??= picture.elements.map((_, place) => picture.words(place));
    this.found = words.length ? picture.haystack.flatMap((hay, place) => (words.every((word) => hay.includes(word)) ? [place] : [])) : [];
    for (const name of ["before", "after"]) this.part(name).disabled = !this.found.length;
    this.#count(words.length > 0);
    this.#paintRings();
  }

  #count(isAsked) {
    const number = this.found.indexOf(this.place) + 1;
    const all = this.found.length;
    this.part("count").value = !isAsked ? "" : !all ? "none" : number ? `${number} of ${all}` : `${all} found`;
  }

  /* The next match behind the selection, around the end. */
  step(step) {
    const { found } = this;
    if (!found.length) return;
    const here = found.indexOf(this.place);
    const start = here >= 0 ? here : step > 0 ? found.findLastIndex((place) => place < this.place) : found.findIndex((place) => place > this.place);
    const next = here < 0 && start < 0 ? (step > 0 ? 0 : found.length - 1) : (start + step + found.length) % found.length;
    this.select(found[next], { focuses: false });
    this.#count(true);
  }

  // Heat

  #warm() {
    const { picture } = this;
    for (const option of this.part("heat").options) option.disabled = option.value !== "" && !picture.heats[option.value];
    const heat = picture.heats[this.heat];
    picture.svg.classList.toggle("heated", Boolean(heat));
    picture.groups.forEach((group, place) => this.#tint(group, picture.elements[place], heat, place));
    const scale = this.part("scale");
    scale.hidden = !heat;
    if (!heat) return;
    scale.querySelector("figcaption").textContent = Viewer.HEATS[this.heat];
    const samples = heat.scale.map(([text, level]) => make("li", {}, make("i", { class: `heat${level}` }), text));
    scale.querySelector("ul").replaceChildren(...samples);
  }

  /* Colour a box by its level; its last line gives way to its number. */
  #tint(group, element, heat, place) {
    if (element.frame) return;
    group.classList.remove("hot", "cold", ...[...group.classList].filter((name) => /^heat\d+$/.test(name)));
    const line = element.details ? [...group.querySelectorAll("text")].at(-1) : null;
    if (line) {
      line.kept ??= { text: line.textContent, length: line.getAttribute("textLength") };
      line.textContent = line.kept.text;
      line.setAttribute("textLength", line.kept.length);
    }
    const level = heat ? heat.levels[place] : null;
    if (level === null) return;
    group.classList.add(...(level < 0 ? ["cold"] : ["hot", `heat${level}`]));
    if (line && heat.texts[place]) {
      line.textContent = heat.texts[place];
      line.removeAttribute("textLength");
    }
  }

  setHeat(heat) {
    this.heat = heat;
    this.#warm();
    this.say(heat ? `Coloured by ${Viewer.HEATS[heat].toLowerCase()}` : "Coloured by kind");
  }

  // Theme, download, words

  get isDark() {
    const { theme } = document.documentElement.dataset;
    return theme === "dark" || (theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  }

  setTheme() {
    document.documentElement.dataset.theme = this.isDark ? "light" : "dark";
    this.#nameTheme();
  }

  #nameTheme() {
    this.part("theme").textContent = this.isDark ? "Light" : "Dark";
    this.part("theme").setAttribute("aria-label", this.isDark ? "Light colours" : "Dark colours");
  }

  /* The picture as it is, its colours written out, without what the page added to it. */
  drawing() {
    const { svg } = this.picture;
    const copy = svg.cloneNode(true);
    const [live, still] = [svg, copy].map((root) => [...root.querySelectorAll("path, polygon, polyline, text")]);
    live.forEach((mark, place) => {
      const { fill, stroke, visibility } = getComputedStyle(mark);
      still[place].setAttribute("fill", fill);
      if (stroke !== "none") still[place].setAttribute("stroke", stroke);
      if (visibility === "hidden") still[place].setAttribute("visibility", visibility);
    });
    copy.lastElementChild.remove();
    for (const name of ["style", "class"]) copy.removeAttribute(name);
    for (const group of copy.querySelectorAll("[tabindex]")) {
      for (const name of ["tabindex", "aria-current"]) group.removeAttribute(name);
      if (group.getAttribute("role") === "button") group.setAttribute("role", "graphics-symbol");
    }
    copy.setAttribute("width", `${this.picture.width}pt`);
    copy.setAttribute("height", `${this.picture.height}pt`);
    return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(copy)}\n`;
  }

  save() {
    const link = URL.createObjectURL(new Blob([this.drawing()], { type: "image/svg+xml" }));
    make("a", { href: link, download: `${this.network.name}.svg` }).click();
    setTimeout(() => URL.revokeObjectURL(link), 10_000);
  }

  say(text) {
    this.part("said").textContent = text;
  }

  #fillKeys() {
    const rows = Viewer.KEYS.flatMap(([key, text]) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, text)]);
    const close = make("button", { type: "button", onclick: () => this.part("keys").close() }, "Close");
    this.part("keys").append(make("h2", {}, "Keys"), make("dl", {}, ...rows), close);
  }

  // Events

  #listen() {
    const clicks = {
      about: () => this.panel.showNetwork(),
      before: () => this.step(-1),
      less: () => this.change(this.current - 1),
      more: () => this.change(this.current + 1),
      out: () => this.camera.zoom(1 / 1.4),
      in: () => this.camera.zoom(1.4),
      fit: () => this.camera.fit(),
      theme: () => this.setTheme(),
      save: () => this.save(),
      help: () => this.part("keys").showModal(),
    };
    for (const [name, act] of Object.entries(clicks)) this.part(name).addEventListener("click", act);
    this.part("heat").addEventListener("change", (event) => this.setHeat(event.target.value));
    this.part("query").addEventListener("input", (event) => this.search(event.target.value));
    this.part("query").addEventListener("keydown", (event) => this.#typed(event));
    this.part("search").addEventListener("submit", (event) => {
      event.preventDefault();
      this.step(1);
    });
    this.stage.addEventListener("click", (event) => this.#clicked(event));
    this.stage.addEventListener("dblclick", (event) => this.#clickedTwice(event));
    this.stage.addEventListener("focusin", (event) => this.#focused(event));
    document.addEventListener("keydown", (event) => this.#pressed(event));
    window.addEventListener("hashchange", () => this.#follow());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#nameTheme());
  }

  #clicked(event) {
    if (this.camera.wasDragged) return;
    const place = this.picture.elementOf(event.target);
    if (place < 0) this.letGo();
    else this.select(place, { shows: true, moves: false });
  }

  #clickedTwice(event) {
    const place = this.picture.elementOf(event.target);
    if (place < 0 || this.camera.wasDragged) return;
    const { frame, kind } = this.picture.elements[place];
    if (frame || kind === "block" || kind === "exit") this.toggle(place);
  }

  /* The tab key selects where it arrives; what a click or a step has selected already stays as it is. */
  #focused(event) {
    const place = this.picture?.elementOf(event.target) ?? -1;
    if (place >= 0 && place !== this.place && event.target.matches(":focus-visible")) this.select(place, { focuses: false });
  }

  #typed(event) {
    if (event.key === "Enter" && event.shiftKey) {
      event.preventDefault();
      this.step(-1);
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.target.value = "";
      this.search("");
      this.stage.focus({ preventScroll: true });
    }
  }

  #pressed(event) {
    const isTyping = event.target.matches("input, select, textarea");
    const isCommand = event.ctrlKey || event.metaKey;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (this.part("keys").open || event.altKey) return;
    if ((isCommand && key === "f" && !isTyping) || (key === "/" && !isTyping && !isCommand)) {
      event.preventDefault();
      this.part("query").select();
      return;
    }
    if (isTyping || isCommand) return;
    const act = this.#keyed(event, key);
    if (!act) return;
    event.preventDefault();
    act();
  }

  /* What a key does here; undefined if it is the browser's. */
  #keyed(event, key) {
    const isInPicture = this.stage.contains(event.target) || event.target === document.body;
    const chosen = this.place >= 0 ? this.place : null;
    const anywhere = {
      "+": () => this.camera.zoom(1.4),
      "=": () => this.camera.zoom(1.4),
      "-": () => this.camera.zoom(1 / 1.4),
      0: () => this.camera.fit(),
      "[": () => this.change(this.current - 1),
      "]": () => this.change(this.current + 1),
      "?": () => this.part("keys").showModal(),
      e: chosen === null ? undefined : () => this.toggle(chosen),
      u: chosen === null ? undefined : () => this.#selectAround(chosen),
      Escape: () => this.letGo(),
    };
    if (key in anywhere) return anywhere[key];
    if (!isInPicture) return undefined;
    if (key.startsWith("Arrow")) return () => this.#arrow(key.slice(5), event.shiftKey);
    const isPress = key === "Enter" || key === " ";
    return isPress && chosen !== null ? () => this.#enter(chosen) : undefined;
  }

  #enter(place) {
    this.select(place, { copy: this.copy, shows: true });
    this.part("panel").querySelector("h2").focus();
  }

  #selectAround(place) {
    const { around } = this.picture.elements[place];
    if (around !== null) this.select(around);
  }

  #arrow(way, pans) {
    const [dx, dy] = { Left: [1, 0], Right: [-1, 0], Up: [0, 1], Down: [0, -1] }[way];
    if (pans || this.place < 0) this.camera.pan(dx * Viewer.STEP, dy * Viewer.STEP);
    else if (dy) this.walk(dy < 0);
    else this.sidestep(-dx);
  }
}
