/* What is known of the network, or of one box or frame. */
class Panel {
  constructor(root, network, actions) {
    Object.assign(this, { root, network, actions, isOpen: false, subject: null });
  }

  close() {
    this.isOpen = false;
    this.root.hidden = true;
    this.root.replaceChildren();
  }

  /* Whoever reads of a subject reads on when it has changed, and from the top when it is another one. */
  #show(subject, title, ...content) {
    const isSame = this.isOpen && subject === this.subject;
    const wasInside = this.root.contains(document.activeElement);
    const shut = make("button", { type: "button", "aria-label": "Close details", onclick: () => this.actions.shut() }, "×");
    const heading = make("h2", { tabindex: "-1" }, title);
    const parts = [make("header", {}, heading, shut), ...content.filter((part) => part !== null)];
    Object.assign(this, { isOpen: true, subject });
    this.root.hidden = false;
    if (isSame) return patch(this.root, ...parts);
    this.root.replaceChildren(...parts);
    this.root.scrollTop = 0;
    return wasInside ? heading.focus() : undefined;
  }

  showNetwork() {
    const { network } = this;
    const { parameters, buffers, macs, layers, activations, peak } = network.totals;
    const outputs = network.outputs.map((output) => [`Output ${output.name}`, network.shape(output.port)]);
    const inputs = network.nodes.flatMap((node, id) => (network.operator(id).keyword === "input" ? [[`Input ${node.path === "input" ? "" : node.path}`.trim(), node.outputs[0]]] : []));
    this.#show(
      "network",
      network.title,
      make("p", { class: "path" }, network.name),
      terms([
        ...inputs,
        ...outputs,
        ["Parameters", exact(parameters)],
        ["Buffers", exact(buffers)],
        ["MACs", exact(macs)],
        ["Layers with weights", exact(layers)],
        ["Operators", exact(network.nodes.length)],
        ["Activations, bytes", exact(activations)],
        ["Peak at inference, bytes", exact(peak)],
      ]),
      ...this.#section("Arguments", Object.keys(network.arguments).length && terms(Object.entries(network.arguments))),
      ...this.#section("Papers", network.papers.length && make("div", {}, ...network.papers.map((paper) => make("p", {}, paper)))),
      ...this.#section("Notes", network.notes.length && make("div", {}, ...network.notes.map((note) => make("p", {}, note)))),
    );
  }

  showElement(picture, place, copy) {
    const element = picture.elements[place];
    const copies = picture.copies(place);
    const path = picture.pathOf(place, copy);
    const nodes = copies[copy] ?? [];
    const times = element.count > 1 ? ` ×${element.count}` : "";
    this.#show(
      `${element.frame ? "frame" : "box"} ${path}`,
      element.title + times,
      make("p", { class: "path" }, path),
      this.#buttons(picture, place),
      ...(nodes.length ? this.#described(picture, place, nodes) : this.#outputOf(element)),
      ...this.#copies(picture, place, copy),
      ...this.#neighbours(picture, place),
      ...this.#lines(nodes, element, copy),
    );
  }

  #section(title, content) {
    return content ? [make("h3", { "data-key": title }, title), content] : [];
  }

  #buttons(picture, place) {
    const { frame, kind, around } = picture.elements[place];
    const isBlock = !frame && (kind === "block" || kind === "exit");
    const buttons = [
      isBlock ? make("button", { type: "button", onclick: () => this.actions.open(place) }, "Open block") : null,
      frame ? make("button", { type: "button", onclick: () => this.actions.shutBlock(place) }, "Close block") : null,
      around === null ? null : make("button", { type: "button", onclick: () => this.actions.go(picture.elements[around].path) }, `In ${picture.elements[around].title}`),
    ].filter(Boolean);
    return buttons.length ? make("div", { class: "chips" }, ...buttons) : null;
  }

  /* Kind, arguments, shapes and figures of one copy, and of all together where there are more. */
  #described(picture, place, nodes) {
    const { network } = this;
    const element = picture.elements[place];
    const main = element.main === undefined ? null : nodes[element.main];
    const { entering, leaving } = network.borders(nodes);
    const cost = network.cost(nodes);
    const last = leaving.at(-1)[0];
    const copies = picture.copies(place);
    const whole = copies.length > 1 ? network.cost(copies.flat()) : null;
    const figure = (name, key) => [[name, exact(cost[key])], [`in all ${copies.length} copies`, whole && exact(whole[key])]];
    const scope = element.scopes ? network.scopes[element.scopes[0]] : null;
    const shapes = (ports, word) => ports.map((port, index) => [ports.length > 1 ? `${word} ${index + 1}` : word, network.shape(port)]);
    const isCounted = main === null || nodes.length > 1 || network.nodes[main].macs !== null;
    return [
      terms([
        ["Operator", main === null ? null : network.operator(main).keyword],
        ["Call", scope ? scope.caption : null],
        ...shapes(entering, "Input"),
        ...shapes(leaving, "Output"),
        ...figure("Parameters", "parameters"),
        ...(isCounted ? figure("MACs", "macs") : [["MACs", "not counted"]]),
        ...figure("Activations, bytes", "memory"),
        ["Receptive field", network.nodes[last].sees.join("; ")],
      ]),
      ...(main === null ? [] : this.#section("Arguments", this.#arguments(main))),
      ...(nodes.length > 1 ? this.#section(main === null ? `${nodes.length} operators` : "Fused operators", this.#table(nodes)) : []),
    ];
  }

  #arguments(id) {
    const entries = Object.entries(this.network.operator(id).arguments);
    return entries.length ? terms(entries) : null;
  }

  #table(nodes) {
    const parts = nodes.map((id) => this.network.nodes[id].path.split("."));
    const depth = parts[0].findIndex((part, level) => parts.some((path) => path.length === level + 1 || path[level] !== part));
    const head = make("thead", {}, make("tr", {}, ...["Path", "Operator", "Output", "Parameters", "MACs"].map((name) => make("th", { scope: "col" }, name))));
    const rows = nodes.map((id, row) => {
      const { outputs, parameters, macs } = this.network.nodes[id];
      const cells = [this.network.operator(id).caption, outputs.join(", "), exact(parameters), macs === null ? "–" : exact(macs)];
      return make("tr", {}, make("th", { scope: "row" }, ...breakable(parts[row].slice(depth))), ...cells.map((cell) => make("td", {}, cell)));
    });
    const table = make("table", {}, head, make("tbody", {}, ...rows));
    return make("div", { class: "wide", tabindex: "0", role: "group", "aria-label": "Operators" }, table);
  }

  #outputOf(element) {
    const output = this.network.outputs[element.output];
    return output ? [terms([["Kind", output.kind], ["Shape", this.network.shape(output.port)], ["From", this.network.nodes[output.port[0]].path]])] : [];
  }

  /* All copies that the element stands for, to change between. */
  #copies(picture, place, current) {
    const copies = picture.copies(place);
    if (copies.length < 2) return [];
    const chips = copies.map((_, copy) => {
      const path = picture.pathOf(place, copy);
      return make("button", { type: "button", "data-key": path, "aria-pressed": String(copy === current), onclick: () => this.actions.select(place, copy) }, path);
    });
    return this.#section(`Stands for ${copies.length} copies`, make("div", { class: "chips" }, ...chips));
  }

  #neighbours(picture, place) {
    const chips = (places) => make("div", { class: "chips" }, ...places.map((other) => make("button", { type: "button", "data-key": picture.elements[other].path, onclick: () => this.actions.select(other, 0) }, picture.elements[other].path)));
    const { [place]: before } = picture.previous;
    const { [place]: after } = picture.next;
    return [...this.#section("From", before.length && chips(before)), ...this.#section("To", after.length && chips(after))];
  }

  /* The lines of the specification that made it: its own, then the calls around it, innermost first. */
  #lines(nodes, element, copy) {
    const { network } = this;
    if (!nodes.length) return [];
    const scope = element.scopes ? element.scopes[copy] : network.nodes[nodes[element.main ?? 0]].scope;
    const own = element.scopes ? [] : element.main === undefined ? [] : nodes.map((id) => network.nodes[id].at);
    const places = [...own, ...network.around(scope).map((each) => each.at)];
    const unique = [...new Map(places.map((place) => [place.join(), place])).values()];
    return this.#section("Specification", unique.length && make("div", {}, ...unique.flatMap((place) => this.#excerpt(place))));
  }

  #excerpt([file, first, last]) {
    const { name, lines } = this.network.sources[file];
    const width = String(last).length;
    const shown = lines.slice(first - 1, last).map((line, index) => [make("span", {}, `${String(first + index).padStart(width)}  `), `${line}\n`]);
    const title = first === last ? `${name}:${first}` : `${name}:${first}–${last}`;
    return [make("p", { class: "place" }, title), make("pre", { tabindex: "0", "aria-label": title, role: "group" }, ...shown.flat())];
  }
}
