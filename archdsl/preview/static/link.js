/* Which boxes a line of the text has made, and where a box stands in the text. */
class Link {
  constructor(viewer) {
    this.viewer = viewer;
    this.text = "";
    this.ranges = [];
  }

  /* Take the network of a text, with the places of its nodes and scopes. */
  learn(network, text) {
    const starts = lineStarts(text);
    const lines = (kind) => (range, id) => {
      if (!range || (kind === "scope" && network.scopes[id].parent === null)) return [];
      const [first, last] = [lineOf(starts, range[0]), lineOf(starts, Math.max(range[0], range[1] - 1))];
      return [{ kind, id, first, last }];
    };
    this.text = text;
    this.starts = starts;
    this.ranges = [...network.places.nodes.flatMap(lines("node")), ...network.places.scopes.flatMap(lines("scope"))];
  }

  /* Where the selected box stands in the text as it is now; null if that has changed, or is in another file. */
  place(now) {
    const { picture, place, copy } = this.viewer;
    const range = place < 0 ? null : this.#range(picture, place, copy);
    return range && new Shift(this.text, now).range(range);
  }

  #range(picture, place, copy) {
    const { network } = this.viewer;
    const { nodes, scopes } = network.places;
    const element = picture.elements[place];
    const own = picture.copies(place)[copy] ?? (element.output === undefined ? [] : [network.outputs[element.output].port[0]]);
    if (!own.length) return null;
    const main = element.scopes ? null : own[element.main ?? 0];
    const isOne = element.main !== undefined || element.output !== undefined || own.length === 1;
    if (main !== null && isOne && nodes[main]) return nodes[main];
    const named = network.scopes.findIndex((scope) => scope.path === element.path && scope.parent !== null);
    let scope = element.scopes?.[copy] ?? (main !== null && !isOne && named >= 0 ? named : network.nodes[own[0]].scope);
    for (; scope !== null && network.scopes[scope].parent !== null; scope = network.scopes[scope].parent) {
      if (scopes[scope]) return scopes[scope];
    }
    return null;
  }

  /* The boxes that a line of the text, as it is now, has made: those of the tightest places around it. */
  boxes(line, now) {
    if (!this.ranges.length) return [];
    const start = new Shift(now, this.text).offset(lineStarts(now)[line]);
    const then = lineOf(this.starts, start);
    const around = this.ranges.filter(({ first, last }) => first <= then && then <= last);
    const least = Math.min(...around.map(({ first, last }) => last - first));
    const tight = around.filter(({ first, last }) => last - first === least);
    const nodes = tight.filter(({ kind }) => kind === "node").map(({ id }) => id);
    return nodes.length ? this.#homes(nodes) : this.#frames(tight.map(({ id }) => id));
  }

  /* The boxes in which nodes are. */
  #homes(nodes) {
    const { picture } = this.viewer;
    const wanted = new Set(nodes);
    return picture.elements.flatMap((element, place) => {
      if (element.frame) return [];
      return picture.copies(place).some((copy) => copy.some((id) => wanted.has(id))) ? [place] : [];
    });
  }

  /* What stands for scopes: a box or frame of their own, or else the boxes of what is in them. */
  #frames(scopes) {
    const { network, picture } = this.viewer;
    const wanted = new Set(scopes);
    const own = picture.elements.flatMap((element, place) => (element.scopes?.some((scope) => wanted.has(scope)) ? [place] : []));
    return own.length ? own : this.#homes(scopes.flatMap((scope) => network.inside[scope]));
  }
}
