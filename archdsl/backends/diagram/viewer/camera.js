/* Where the reader looks: the picture is moved and scaled under a fixed window. */
class Camera {
  static LEAST = 0.05;
  static MOST = 12;
  /* Pixels that a pointer may stray and still click. */
  static SLIP = 4;

  constructor(stage) {
    this.stage = stage;
    this.picture = null;
    this.x = this.y = 0;
    this.scale = 1;
    this.isFitted = true;
    this.wasDragged = false;
    this.pointers = new Map();
    stage.addEventListener("wheel", (event) => this.#turn(event), { passive: false });
    stage.addEventListener("pointerdown", (event) => this.#press(event));
    stage.addEventListener("pointermove", (event) => this.#drag(event));
    for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, (event) => this.#release(event));
    new ResizeObserver(() => this.isFitted && this.fit()).observe(stage);
  }

  look(picture) {
    this.picture = picture;
  }

  /* The whole picture, as large as it may be without coarse letters. */
  fit() {
    const { clientWidth, clientHeight } = this.stage;
    this.isFitted = true;
    if (!this.picture || !clientWidth || !clientHeight) return; // fitted as soon as it has room
    const { width, height } = this.picture;
    this.scale = Math.min(clientWidth / width, clientHeight / height, 1.8) * 0.99;
    this.x = (clientWidth - width * this.scale) / 2;
    this.y = (clientHeight - height * this.scale) / 2;
    this.#apply(true);
  }

  /* Scale by a factor, a point of the window staying where it is: its middle, if none is given. */
  zoom(factor, x = this.stage.clientWidth / 2, y = this.stage.clientHeight / 2, glides = true) {
    const scale = Math.min(Math.max(this.scale * factor, Camera.LEAST), Camera.MOST);
    const share = scale / this.scale;
    this.#go(x - (x - this.x) * share, y - (y - this.y) * share, scale, glides);
  }

  pan(dx, dy, glides = true) {
    this.#go(this.x + dx, this.y + dy, this.scale, glides);
  }

  /* Move so that a point of the picture is at a point of the window. */
  pin([x, y], [left, top], scale) {
    this.#go(left - x * scale, top - y * scale, scale, false);
  }

  /* A point of the picture in the window. */
  project([x, y]) {
    return [this.x + x * this.scale, this.y + y * this.scale];
  }

  /* The point of the picture in the middle of the window. */
  get middle() {
    const { clientWidth, clientHeight } = this.stage;
    return [(clientWidth / 2 - this.x) / this.scale, (clientHeight / 2 - this.y) / this.scale];
  }

  /* Move no further than needed to see a box; of one that is too large, its upper left part. */
  reveal({ x, y, width, height }) {
    const margin = 24;
    const [left, top] = this.project([x, y]);
    const dx = Camera.#shift(left, width * this.scale, this.stage.clientWidth, margin);
    const dy = Camera.#shift(top, height * this.scale, this.stage.clientHeight, margin);
    if (dx || dy) this.pan(dx, dy);
  }

  static #shift(start, length, room, margin) {
    if (start < margin || length > room - 2 * margin) return start >= 0 && start < room / 2 && length > room ? 0 : margin - start;
    return Math.min(0, room - margin - start - length);
  }

  #go(x, y, scale, glides) {
    Object.assign(this, { x, y, scale, isFitted: false });
    this.#apply(glides);
  }

  #apply(glides) {
    const { svg } = this.picture;
    svg.classList.toggle("gliding", glides);
    svg.style.transform = `translate(${this.x}px,${this.y}px) scale(${this.scale})`;
  }

  #place(event) {
    const { left, top } = this.stage.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  #turn(event) {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
    const step = Math.max(-240, Math.min(240, event.deltaY * lines));
    this.zoom(Math.exp(-step * 0.0022), ...this.#place(event), false);
  }

  #press(event) {
    if (event.button !== 0) return;
    if (!this.pointers.size) this.wasDragged = false;
    this.pointers.set(event.pointerId, { start: this.#place(event), at: this.#place(event) });
  }

  #drag(event) {
    const pointer = this.pointers.get(event.pointerId);
    if (!pointer) return;
    const at = this.#place(event);
    if (!this.wasDragged && Math.hypot(at[0] - pointer.start[0], at[1] - pointer.start[1]) < Camera.SLIP) return;
    this.wasDragged = true;
    this.stage.classList.add("dragged");
    this.stage.setPointerCapture(event.pointerId);
    const before = [...this.pointers.values()].map((each) => each.at);
    pointer.at = at;
    const after = [...this.pointers.values()].map((each) => each.at);
    this.#follow(before, after);
  }

  /* One finger moves the picture; two also scale it. */
  #follow(before, after) {
    const [from, to] = [Camera.#centre(before), Camera.#centre(after)];
    this.pan(to[0] - from[0], to[1] - from[1], false);
    if (after.length > 1) this.zoom(Camera.#spread(after) / (Camera.#spread(before) || 1), to[0], to[1], false);
  }

  static #centre(points) {
    return [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);
  }

  static #spread([one, other]) {
    return Math.hypot(one[0] - other[0], one[1] - other[1]);
  }

  #release(event) {
    this.pointers.delete(event.pointerId);
    if (!this.pointers.size) this.stage.classList.remove("dragged");
  }
}
