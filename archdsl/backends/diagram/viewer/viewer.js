/* The picture and what the reader does with it: chooses boxes, reads of them, changes colours. */
class Viewer {
  /* Scale below which nobody can read a box. */
  static LEGIBLE = 0.6;

  /* What happens is told to listeners: `selected` a box, and `shown` another picture. */
  constructor(network, listeners = {}) {
    const part = (name) => document.getElementById(`viewer-${name}`);
    Object.assign(this, { network, listeners, part, current: -1, place: -1, copy: 0, marked: [] });
    this.stage = part("stage");
    this.camera = new Camera(this.stage);
    this.blocks = new Blocks(this);
    this.search = new Search(this);
    this.heat = new Heat(this, network.heat ?? "");
    this.walk = new Walk(this);
    this.keyboard = new Keyboard(this);
    this.panel = new Panel(part("panel"), network, {
      go: (path) => this.go(path),
      open: (place) => this.blocks.open(place),
      select: (place, copy) => this.select(place, { copy, shows: true }),
      shut: () => this.shutPanel(),
      shutBlock: (place) => this.blocks.close(place),
    });
    this.#listen();
    this.#nameTheme();
  }

  get picture() {
    return this.network.pictures[this.current];
  }

  start() {
    this.show(this.network.shown);
    this.camera.fit();
    this.#follow();
  }

  // Pictures

  show(number) {
    const picture = this.network.pictures[number];
    picture.load();
    this.current = number;
    this.place = -1;
    this.walk.forget();
    if (picture.svg.parentNode !== this.stage) {
      this.stage.querySelector("svg")?.remove();
      this.stage.append(picture.svg);
    }
    this.camera.look(picture);
    put(this.part("depth"), `${picture.boxes} box${picture.boxes === 1 ? "" : "es"}`);
    this.part("less").disabled = number === 0;
    this.part("more").disabled = number === this.network.pictures.length - 1;
    this.heat.paint();
    this.marked = [];
    this.search.run();
    this.#rove(0);
    this.listeners.shown?.();
  }

  /* Show another state of the network, as far as it is the same as it was: picture, place, selection, focus, details. */
  renew(network) {
    const wasEmpty = !this.picture.elements.length;
    const isWithin = this.stage.contains(document.activeElement) && document.activeElement !== this.stage;
    if (wasEmpty) {
      this.turn(network, network.shown);
      this.camera.fit();
      return this.#follow();
    }
    const now = this.blocks.renew(network);
    if (now) this.select(now.place, { copy: now.copy, moves: false, focuses: isWithin, says: false });
    else if (this.panel.isOpen) this.panel.showNetwork();
    return isWithin && !this.stage.contains(document.activeElement) ? this.stage.focus({ preventScroll: true }) : undefined;
  }

  /* Take another network; a picture that has not changed stays what it is. */
  turn(network, number) {
    const before = this.picture;
    this.network = this.panel.network = network;
    if (network.pictures[number].text === before.text) network.pictures[number].adopt(before);
    this.show(number);
  }

  /* Put rings around boxes that something else is about. */
  mark(places) {
    this.marked = places;
    this.paintRings();
  }

  // Selection

  select(place, { copy = 0, shows = this.panel.isOpen, moves = true, focuses = true, says = true } = {}) {
    const { picture } = this;
    const isNew = place !== this.place || copy !== this.copy;
    this.walk.step(this.place, place);
    Object.assign(this, { place, copy });
    this.#rove(place);
    this.paintRings();
    if (focuses && !this.part("panel").contains(document.activeElement)) picture.groups[place].focus({ preventScroll: true });
    if (shows) this.panel.showElement(picture, place, copy);
    if (moves) requestAnimationFrame(() => this.place === place && this.picture === picture && this.camera.reveal(picture.extent(place)));
    const path = picture.pathOf(place, copy);
    if (isNew && says) this.say(`${picture.groups[place].getAttribute("aria-label")}. ${path}`);
    this.#remember(`#${encodeURIComponent(path)}`);
    this.listeners.selected?.();
  }

  selectAround() {
    const { around } = this.picture.elements[this.place];
    if (around !== null) this.select(around);
  }

  /* From the selected box to its details. */
  readOn() {
    this.select(this.place, { copy: this.copy, shows: true });
    this.part("panel").querySelector("h2").focus();
  }

  letGo() {
    if (this.place >= 0) this.stage.focus({ preventScroll: true });
    this.place = -1;
    this.paintRings();
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
    if (number >= 0 && number !== this.current) this.blocks.change(number, path);
    const hit = this.picture.locate(path);
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

  /* Rings around what is found, marked and selected, and the links of what is selected. */
  paintRings() {
    const { picture } = this;
    const ring = (place, kind, margin) => {
      const { x, y, width, height } = picture.extent(place);
      const mark = document.createElementNS(picture.svg.namespaceURI, "rect");
      const sizes = { x: x - margin, y: y - margin, width: width + 2 * margin, height: height + 2 * margin, rx: 6, class: kind };
      for (const [name, value] of Object.entries(sizes)) mark.setAttribute(name, value);
      return mark;
    };
    const rings = this.search.found.map((place) => ring(place, "ring found", 2.5));
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

  save() {
    handOver(new Blob([still(this.picture)], { type: "image/svg+xml" }), `${this.network.name}.svg`);
  }

  say(text) {
    this.part("said").textContent = text;
  }

  // Events

  #listen() {
    const clicks = {
      about: () => this.panel.showNetwork(),
      out: () => this.camera.zoom(1 / 1.4),
      in: () => this.camera.zoom(1.4),
      fit: () => this.camera.fit(),
      theme: () => this.setTheme(),
      save: () => this.save(),
    };
    for (const [name, act] of Object.entries(clicks)) this.part(name).addEventListener("click", act);
    this.stage.addEventListener("click", (event) => this.#clicked(event));
    this.stage.addEventListener("dblclick", (event) => this.#clickedTwice(event));
    this.stage.addEventListener("focusin", (event) => this.#focused(event));
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
    if (frame || kind === "block" || kind === "exit") this.blocks.toggle(place);
  }

  /* The tab key selects where it arrives; what a click or a step has selected already stays as it is. */
  #focused(event) {
    const place = this.picture?.elementOf(event.target) ?? -1;
    if (place >= 0 && place !== this.place && event.target.matches(":focus-visible")) this.select(place, { focuses: false });
  }
}
