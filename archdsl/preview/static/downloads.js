/* The menu of files that can be made of the text. */
class Downloads {
  static SUFFIXES = { tikz: "tex" };

  /* `wish` is what is to be made, and `name` what the file is called without its suffix. */
  constructor(menu, banner, connection, { wish, name }) {
    Object.assign(this, { menu, banner, connection, wish, name });
    this.summary = menu.querySelector("summary");
    for (const button of menu.querySelectorAll("button")) button.addEventListener("click", () => this.#take(button.dataset.format));
    document.addEventListener("click", ({ target }) => menu.contains(target) || (menu.open = false));
    menu.addEventListener("focusout", ({ relatedTarget }) => relatedTarget && !menu.contains(relatedTarget) && (menu.open = false));
    menu.addEventListener("keydown", (event) => this.#pressed(event));
  }

  async #take(format) {
    this.#close();
    const reply = await this.connection.ask("/made", { ...this.wish(), format });
    if (!reply) return undefined;
    const error = reply.ok ? "" : (await reply.json()).error;
    this.banner.say("download", error && `There is nothing to download: ${error}.`);
    return reply.ok ? handOver(await reply.blob(), `${this.name()}.${Downloads.SUFFIXES[format] ?? format}`) : undefined;
  }

  #close() {
    this.summary.focus();
    this.menu.open = false;
  }

  #pressed(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape" && this.menu.open) this.#close();
    else if (step && this.menu.open) this.#step(step);
    else return;
    event.preventDefault();
  }

  #step(step) {
    const buttons = [...this.menu.querySelectorAll("button")];
    const here = buttons.indexOf(document.activeElement);
    buttons[here < 0 && step < 0 ? buttons.length - 1 : (here + step + buttons.length) % buttons.length].focus();
  }
}
