/* What the page holds deflated. */
async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).text();
}

/* The network and its pictures. */
class Network {
  constructor(model, drawings) {
    Object.assign(this, model);
    this.inside = this.scopes.map(() => []);
    this.users = this.nodes.map(() => []);
    this.nodes.forEach((node, id) => {
      for (let scope = node.scope; scope !== null; scope = this.scopes[scope].parent) this.inside[scope].push(id);
      for (const [source] of node.inputs) this.users[source].push(id);
    });
    this.pictures = model.pictures.map((picture, place) => new Picture(this, picture, drawings[place]));
  }

  /* Parameters, shared ones once, MACs and bytes of activations of some nodes. */
  cost(ids) {
    const nodes = ids.map((id) => this.nodes[id]);
    const parameters = new Map(nodes.map((node) => [node.path, node.parameters]));
    const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
    return {
      parameters: sum([...parameters.values()]),
      macs: sum(nodes.map((node) => node.macs ?? 0)),
      memory: sum(nodes.map((node) => node.memory)),
    };
  }

  /* Streams that enter and leave some nodes, as ports. */
  borders(ids) {
    const own = new Set(ids);
    const entering = ids.flatMap((id) => this.nodes[id].inputs).filter(([source]) => !own.has(source));
    const exposed = new Set(this.outputs.map((output) => output.port.join()));
    const leaves = (id, index) =>
      exposed.has([id, index].join()) ||
      this.users[id].some((user) => !own.has(user) && this.nodes[user].inputs.some((port) => port[0] === id && port[1] === index));
    const leaving = ids.flatMap((id) => this.nodes[id].outputs.map((_, index) => [id, index])).filter(([id, index]) => leaves(id, index));
    const once = (ports) => [...new Map(ports.map((port) => [port.join(), port])).values()];
    return { entering: once(entering), leaving: leaving.length ? leaving : this.nodes[ids.at(-1)].outputs.map((_, index) => [ids.at(-1), index]) };
  }

  shape([node, index]) {
    return this.nodes[node].outputs[index];
  }

  operator(id) {
    return this.operators[this.nodes[id].operator];
  }

  /* The scopes around a node, innermost first, without the network itself. */
  around(scope) {
    const found = [];
    for (let place = scope; this.scopes[place].parent !== null; place = this.scopes[place].parent) found.push(this.scopes[place]);
    return found;
  }
}

/* One picture: its elements are boxes and frames, numbered in the order in which it draws them. */
class Picture {
  constructor(network, { boxes, elements, links, routes, heats }, text) {
    Object.assign(this, { network, boxes, elements, routes, heats, text, svg: null, groups: [] });
    this.next = elements.map(() => []);
    this.previous = elements.map(() => []);
    const rank = ([, head, kind]) => (this.#isAside(head) ? 2 : kind === "flow" ? 0 : 1);
    const order = [...links].sort((one, other) => rank(one) - rank(other));
    for (const [tail, head] of order) {
      if (!this.next[tail].includes(head)) this.next[tail].push(head);
      if (!this.previous[head].includes(tail)) this.previous[head].push(tail);
    }
  }

  /* Whether an element leads out of the main stream: an output, or in a side branch. */
  #isAside(place) {
    const { kind, around } = this.elements[place];
    return ["output", "exit", "tap"].includes(kind) || (around !== null && this.#isAside(around));
  }

  /* Make the SVG, when the picture is first shown. */
  load() {
    if (this.svg) return;
    const drawn = new DOMParser().parseFromString(this.text, "image/svg+xml");
    this.svg = document.importNode(drawn.documentElement, true);
    ({ width: this.width, height: this.height } = this.svg.viewBox.baseVal);
    this.svg.setAttribute("width", this.width);
    this.svg.setAttribute("height", this.height);
    this.groups = [...this.svg.querySelectorAll("g.box, g.frame")];
    this.linkGroups = [...this.svg.querySelectorAll("g.link")];
    this.overlay = this.svg.appendChild(document.createElementNS(this.svg.namespaceURI, "g"));
    this.overlay.setAttribute("aria-hidden", "true");
    this.groups.forEach((group, place) => {
      const title = document.createElementNS(this.svg.namespaceURI, "title");
      title.textContent = group.getAttribute("aria-label");
      group.prepend(title);
      group.setAttribute("tabindex", "-1");
      if (!this.elements[place].frame) group.setAttribute("role", "button");
    });
  }

  /* Take over what another picture has made of the same SVG. */
  adopt({ svg, groups, linkGroups, overlay, width, height }) {
    Object.assign(this, { svg, groups, linkGroups, overlay, width, height });
  }

  /* The element that a mark of the picture belongs to; -1 for none. */
  elementOf(mark) {
    return this.groups.indexOf(mark.closest?.("g.box, g.frame"));
  }

  /* Where an element is, in the picture's own coordinates. */
  extent(place) {
    const group = this.groups[place];
    const shapes = [...group.children].filter((child) => /^(path|polygon)$/.test(child.tagName));
    const boxes = shapes.map((shape) => shape.getBBox());
    const x = Math.min(...boxes.map((box) => box.x));
    const y = Math.min(...boxes.map((box) => box.y));
    const right = Math.max(...boxes.map((box) => box.x + box.width));
    const bottom = Math.max(...boxes.map((box) => box.y + box.height));
    return { x, y, width: right - x, height: bottom - y };
  }

  corner(place) {
    const { x, y } = this.extent(place);
    return [x, y];
  }

  /* The nodes of each copy that an element stands for. */
  copies(place) {
    const element = this.elements[place];
    if (element.scopes) return element.scopes.map((scope) => this.network.inside[scope]);
    return element.copies ?? [];
  }

  /* The path of one copy of an element. */
  pathOf(place, copy = 0) {
    const element = this.elements[place];
    if (copy === 0) return element.path;
    if (element.scopes) {
      const { path, name, kind } = this.network.scopes[element.scopes[copy]];
      return kind === "structure" ? [path, name].filter(Boolean).join(".") : path;
    }
    return this.network.nodes[element.copies[copy][element.main ?? 0]].path;
  }

  /* Where a path is drawn, as element and copy; null if it is in a block that is closed, or nowhere. */
  find(path) {
    const exact = this.elements.findIndex((element) => element.path === path);
    if (exact >= 0) return { place: exact, copy: 0 };
    for (let place = 0; place < this.elements.length; place++) {
      const element = this.elements[place];
      const copy = element.scopes
        ? element.scopes.findIndex((_, number) => this.pathOf(place, number) === path)
        : (element.copies ?? []).findIndex((nodes) => !element.frame && nodes.some((id) => this.network.nodes[id].path === path));
      if (copy >= 0) return { place, copy };
    }
    return null;
  }

  /* Where a path is drawn, or else the closed block that hides it. */
  locate(path) {
    return this.find(path) ?? this.#findHidden(path);
  }

  #findHidden(path) {
    const { nodes, scopes } = this.network;
    const isWanted = (id) => nodes[id].path === path || nodes[id].path.startsWith(`${path}.`) || this.network.around(nodes[id].scope).some((scope) => scope.path === path);
    const wanted = scopes && nodes.findIndex((_, id) => isWanted(id));
    return wanted < 0 ? null : this.findNode(wanted);
  }

  /* The box that stands for a node. */
  findNode(id) {
    for (let place = 0; place < this.elements.length; place++) {
      if (this.elements[place].frame) continue;
      const copy = this.copies(place).findIndex((nodes) => nodes.includes(id));
      if (copy >= 0) return { place, copy };
    }
    return null;
  }

  /* Words by which an element is found. */
  words(place) {
    const element = this.elements[place];
    const said = [element.title, element.caption, element.path, element.kind];
    for (const scope of element.scopes ?? []) said.push(this.network.scopes[scope].path, this.network.scopes[scope].definition);
    if (!element.frame) {
      for (const id of this.copies(place).flat()) {
        const { keyword, caption } = this.network.operator(id);
        said.push(this.network.nodes[id].path, keyword, caption);
      }
    }
    return [...new Set(said)].join(" ").toLowerCase();
  }
}
