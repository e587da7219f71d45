/* Colours boxes by a figure. */
class Heat {
  static NAMES = { params: "Parameters", macs: "Multiply-accumulates", memory: "Activation memory", receptive: "Receptive field" };

  constructor(viewer, name) {
    Object.assign(this, { viewer, name });
    viewer.part("heat").value = name;
    viewer.part("heat").addEventListener("change", (event) => this.#choose(event.target.value));
  }

  #choose(name) {
    this.name = name;
    this.paint();
    this.viewer.say(name ? `Coloured by ${Heat.NAMES[name].toLowerCase()}` : "Coloured by kind");
  }

  /* Colour the picture that is shown. */
  paint() {
    const { picture } = this.viewer;
    for (const option of this.viewer.part("heat").options) option.disabled = option.value !== "" && !picture.heats[option.value];
    const heat = picture.heats[this.name];
    picture.svg.classList.toggle("heated", Boolean(heat));
    picture.groups.forEach((group, place) => this.#tint(group, picture.elements[place], heat, place));
    const scale = this.viewer.part("scale");
    scale.hidden = !heat;
    if (!heat) return;
    put(scale.querySelector("figcaption"), Heat.NAMES[this.name]);
    patch(scale.querySelector("ul"), ...heat.scale.map(([text, level]) => make("li", {}, make("i", { class: `heat${level}` }), text)));
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
}
