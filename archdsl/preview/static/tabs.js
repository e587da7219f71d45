/* One leaf of several is shown: that of the chosen tab. */
class Tabs {
  constructor(root, choices) {
    this.choices = choices;
    this.tabs = [...root.querySelectorAll("[role=tab]")];
    for (const tab of this.tabs) tab.addEventListener("click", () => this.turn(tab));
    root.addEventListener("keydown", (event) => this.#pressed(event));
    const kept = this.tabs.find((tab) => tab.id === choices.get("leaf"));
    if (kept) this.turn(kept);
  }

  turn(chosen) {
    this.choices.keep("leaf", chosen.id);
    for (const tab of this.tabs) {
      tab.setAttribute("aria-selected", String(tab === chosen));
      tab.setAttribute("tabindex", tab === chosen ? "0" : "-1");
      document.getElementById(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
    }
  }

  #pressed(event) {
    const here = this.tabs.indexOf(event.target);
    const last = this.tabs.length - 1;
    const place = { ArrowLeft: here ? here - 1 : last, ArrowRight: here === last ? 0 : here + 1, Home: 0, End: last }[event.key];
    if (here < 0 || place === undefined) return;
    event.preventDefault();
    this.turn(this.tabs[place]);
    this.tabs[place].focus();
  }
}
