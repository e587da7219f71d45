/* What keys do, and the page's help, which tells of them. */
class Keyboard {
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
    ["?", "this help"],
  ];
  static STEP = 80;

  constructor(viewer) {
    this.viewer = viewer;
    this.help = viewer.part("keys");
    const close = make("button", { type: "button", onclick: () => this.help.close() }, "Close");
    this.heading = make("h2", { tabindex: "-1" }, "Keys");
    this.help.append(this.heading, make("dl", {}), close);
    this.tell(Keyboard.KEYS);
    viewer.part("help").addEventListener("click", () => this.#show());
    document.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /* Put further keys into the help. */
  tell(keys) {
    this.help.querySelector("dl").append(...keys.flatMap(([key, text]) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, text)]));
  }

  /* Open the help at its beginning. */
  #show() {
    this.help.showModal();
    this.heading.focus();
  }

  #pressed(event) {
    const isTyping = event.target.matches("input, select, textarea");
    const isCommand = event.ctrlKey || event.metaKey;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (this.help.open || event.altKey || event.defaultPrevented) return;
    if ((isCommand && key === "f" && !isTyping) || (key === "/" && !isTyping && !isCommand)) {
      event.preventDefault();
      this.viewer.part("query").select();
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
    const { blocks, camera, current, place, stage } = this.viewer;
    const isInPicture = stage.contains(event.target) || event.target === document.body;
    const chosen = place >= 0 ? place : null;
    const anywhere = {
      "+": () => camera.zoom(1.4),
      "=": () => camera.zoom(1.4),
      "-": () => camera.zoom(1 / 1.4),
      0: () => camera.fit(),
      "[": () => blocks.change(current - 1),
      "]": () => blocks.change(current + 1),
      "?": () => this.#show(),
      e: chosen === null ? undefined : () => blocks.toggle(chosen),
      u: chosen === null ? undefined : () => this.viewer.selectAround(),
      Escape: () => this.viewer.letGo(),
    };
    if (key in anywhere) return anywhere[key];
    if (!isInPicture) return undefined;
    if (key.startsWith("Arrow")) return () => this.#arrow(key.slice(5), event.shiftKey);
    const isPress = key === "Enter" || key === " ";
    return isPress && chosen !== null ? () => this.viewer.readOn() : undefined;
  }

  #arrow(way, pans) {
    const { camera, place, walk } = this.viewer;
    const [dx, dy] = { Left: [1, 0], Right: [-1, 0], Up: [0, 1], Down: [0, -1] }[way];
    if (pans || place < 0) camera.pan(dx * Keyboard.STEP, dy * Keyboard.STEP);
    else if (dy) walk.along(dy < 0);
    else walk.aside(-dx);
  }
}
