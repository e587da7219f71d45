/* Goes from box to box along the links. */
class Walk {
  constructor(viewer) {
    Object.assign(this, { viewer, trail: undefined });
  }

  /* Remember the way from one box to another; there is none into another picture. */
  step(from, to) {
    if (from >= 0 && from !== to) this.trail = { from, to };
  }

  forget() {
    this.trail = undefined;
  }

  /* Along a link: back on the way that led here, or else on the main stream. */
  along(isForward) {
    const { picture, place } = this.viewer;
    const ends = (isForward ? picture.next : picture.previous)[place];
    if (!ends.length) return this.viewer.say(isForward ? "Nothing comes after" : "Nothing comes before");
    const back = this.trail?.to === place && ends.includes(this.trail.from) ? this.trail.from : ends[0];
    return this.viewer.select(back);
  }

  /* To a branch beside: what shares a neighbour with the selected box, in the order in which they stand. */
  aside(step) {
    const { picture, place: here } = this.viewer;
    const { next, previous, elements } = picture;
    if (elements[here].frame) return undefined;
    const related = [...previous[here].flatMap((tail) => next[tail]), ...next[here].flatMap((head) => previous[head])];
    const centre = (place) => {
      const { x, y, width, height } = picture.extent(place);
      return [x + width / 2, y + height / 2];
    };
    const [left, top] = centre(here);
    const apart = [...new Set(related)].filter((place) => place !== here).map((place) => ({ place, dx: centre(place)[0] - left, dy: centre(place)[1] - top }));
    const beside = apart.filter(({ dx, dy }) => dx * step > 1 && Math.abs(dy) < Math.abs(dx) + 80);
    beside.sort((one, other) => Math.abs(one.dx) - Math.abs(other.dx));
    return beside.length ? this.viewer.select(beside[0].place) : this.along(step > 0);
  }
}
