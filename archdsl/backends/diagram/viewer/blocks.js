/* Opens and closes blocks: goes from picture to picture, what the reader looks at staying where it is. */
class Blocks {
  /* `boxes` is how many the reader has asked for; null for as many as are shown at first. */
  constructor(viewer) {
    Object.assign(this, { viewer, boxes: null });
    viewer.part("less").addEventListener("click", () => this.change(viewer.current - 1));
    viewer.part("more").addEventListener("click", () => this.change(viewer.current + 1));
  }

  /* The nearest picture, first of those that show more, in which a block is open. */
  open(place) {
    const { viewer } = this;
    const path = viewer.picture.pathOf(place, 0);
    const isOpen = (picture) => picture.elements.some((element) => element.frame && element.path === path);
    const number = this.#nearest(isOpen, 1);
    if (number >= 0) return this.change(number, path);
    viewer.select(place, { shows: true });
    return viewer.say(`${path} stays closed; its operators are in the details`);
  }

  close(place) {
    const path = this.viewer.picture.pathOf(place, 0);
    const isClosed = (picture) => picture.elements.some((element) => !element.frame && element.path === path) || !picture.find(path);
    const number = this.#nearest(isClosed, -1);
    if (number < 0) this.viewer.say(`${path} is open in all pictures`);
    else this.change(number, path);
  }

  /* Open a closed block; otherwise close the frame, or the frame around. */
  toggle(place) {
    const { frame, kind, around } = this.viewer.picture.elements[place];
    if (!frame && (kind === "block" || kind === "exit")) return this.open(place);
    const own = frame ? place : around;
    return own === null ? undefined : this.close(own);
  }

  #nearest(isWanted, step) {
    const { current, network } = this.viewer;
    const numbers = network.pictures.map((_, number) => number);
    const ahead = numbers.filter((number) => (number - current) * step > 0);
    const behind = numbers.filter((number) => (number - current) * step < 0);
    ahead.sort((one, other) => (one - other) * step);
    behind.sort((one, other) => (other - one) * step);
    return [...ahead, ...behind].find((number) => isWanted(network.pictures[number])) ?? -1;
  }

  /* Change the picture around a path: what stands for it now is where what stood for it was. */
  change(number, path) {
    const { camera, network } = this.viewer;
    if (number === this.viewer.current || !network.pictures[number]) return;
    this.boxes = number === network.shown ? null : network.pictures[number].boxes;
    const [anchor, wasSelected] = path ? [path, true] : this.#anchor();
    const seen = this.#seen(anchor);
    const wasFitted = camera.isFitted;
    this.viewer.show(number);
    const now = this.viewer.picture.locate(anchor);
    const { scale } = camera;
    if (wasFitted || !now || !seen) camera.fit();
    const isLost = camera.isFitted && camera.scale < Viewer.LEGIBLE && wasSelected;
    if (now && seen && (!wasFitted || isLost)) this.#pin(now.place, seen, scale);
    if (now && wasSelected) this.viewer.select(now.place, { copy: now.copy, moves: !camera.isFitted });
    this.viewer.say(`${this.viewer.picture.boxes} boxes`);
  }

  /* Go on with another state of the network: opened as far, and what the reader looks at where it was. */
  renew(network) {
    const { viewer } = this;
    const [anchor, wasSelected] = this.#anchor();
    const seen = this.#seen(anchor);
    const { isFitted, scale } = viewer.camera;
    const number = this.boxes === null ? network.shown : Blocks.#alike(network.pictures, this.boxes);
    if (this.boxes !== null && network.pictures.length > 1) this.boxes = network.pictures[number].boxes;
    viewer.turn(network, number);
    const now = viewer.picture.locate(anchor);
    if (isFitted || !seen) viewer.camera.fit();
    else if (now) this.#pin(now.place, seen, scale);
    else viewer.camera.pan(0, 0, false);
    return now && wasSelected ? now : null;
  }

  /* The number of the picture with about as many boxes. */
  static #alike(pictures, boxes) {
    const away = pictures.map((picture) => Math.abs(picture.boxes - boxes));
    return away.indexOf(Math.min(...away));
  }

  /* What the picture turns around: the selection, or else what is nearest to the middle of the window. */
  #anchor() {
    const { camera, copy, picture, place: selected } = this.viewer;
    if (selected >= 0) return [picture.pathOf(selected, copy), true];
    const [x, y] = camera.middle;
    const away = picture.elements.map((element, place) => {
      if (element.frame) return Infinity;
      const extent = picture.extent(place);
      return Math.hypot(extent.x + extent.width / 2 - x, extent.y + extent.height / 2 - y);
    });
    return [picture.elements[away.indexOf(Math.min(...away))].path, false];
  }

  /* Where the corner of what stands for a path is in the window. */
  #seen(path) {
    const { camera, picture } = this.viewer;
    const found = picture.locate(path);
    return found && camera.project(picture.corner(found.place));
  }

  #pin(place, seen, scale) {
    this.viewer.camera.pin(this.viewer.picture.corner(place), seen, scale);
  }
}
