// A region on the stage: what its replica of the cart has, and the switch that cuts it off.
import type { Actors } from "./actors.js";
import { contents, standing } from "./card.js";
import { element, redraw } from "./dom.js";
import type { Replica } from "./replica.js";
import { PLACES, type Region } from "./service.js";

export class RegionCard {
  readonly root = element("article", { class: "card region" });
  constructor(readonly replica: Replica, private actors: Actors, private does: { cut(region: Region, off: boolean): void; canCut(): boolean; isCut(region: Region): boolean; played(): boolean }) {
    this.root.dataset["name"] = replica.spec.name;
    this.root.setAttribute("aria-label", `Region ${PLACES[replica.spec.region]}`);
  }

  draw(): void {
    const { region } = this.replica.spec;
    const cut = this.does.isCut(region), answers = this.replica.status.region;
    this.root.classList.toggle("off", cut);
    this.root.dataset["digest"] = this.replica.digest;
    redraw(this.root, [
      element("header", {},
        element("h3", {}, PLACES[region], element("small", { class: "notation" }, ` ${region}`), answers && answers !== region && element("small", {}, ` answered by ${answers}`)),
        ...this.does.canCut() ? [element("button", { type: "button", role: "switch", class: "switch", "aria-checked": String(!cut), "data-key": "cut", disabled: this.does.played(), click: () => this.does.cut(region, !cut) }, element("span", { class: "sr" }, `${PLACES[region]}: `), cut ? "cut off" : "linked")] : [],
      ),
      ...contents(this.replica, this.actors),
      standing(this.replica, this.actors),
    ]);
  }
}
