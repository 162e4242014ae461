// The lines between devices and regions, drawn behind their cards, and the dots that travel along them.
import { still, svg } from "./dom.js";

/** How long a dot takes from one end to the other, in milliseconds. */
const TRAVEL_MS = 700;
/** Below this width of the stage the cards stand in one column, and the lines run beside it. */
const COLUMN_PX = 720;

export interface Link { from: HTMLElement; to: HTMLElement; kind: "device" | "region"; off: boolean }

export class Links {
  readonly root = svg("svg", { class: "links", "aria-hidden": "true" });
  private paths = new Map<string, SVGPathElement>();
  private ids = new Map<HTMLElement, number>();
  private layer = svg("g", { class: "travellers" });

  constructor(private stage: HTMLElement) {}

  /** Draws them as the cards lie now. */
  draw(links: Link[]): void {
    const base = this.stage.getBoundingClientRect();
    this.root.setAttribute("viewBox", `0 0 ${base.width} ${base.height}`);
    this.paths.clear();
    const drawn = links.map(link => {
      const path = svg("path", { d: this.way(link, links, base), class: `link ${link.kind}${link.off ? " off" : ""}` });
      this.paths.set(this.key(link.from, link.to), path);
      return path;
    });
    this.root.replaceChildren(...drawn, this.layer);
  }

  /** Lets a dot travel, unless motion is unwanted: then the line lights up. */
  travel(from: HTMLElement, to: HTMLElement, shade: number | null): void {
    const path = this.paths.get(this.key(from, to)) ?? this.paths.get(this.key(to, from));
    if (!path) return;
    if (still()) {
      path.classList.add("lit");
      setTimeout(() => path.classList.remove("lit"), TRAVEL_MS);
      return;
    }
    const back = !this.paths.has(this.key(from, to));
    const dot = svg("circle", { r: shade === null ? 5 : 8, class: `traveller ${shade === null ? "news" : `shade-${shade}`}` });
    const length = path.getTotalLength(), began = performance.now();
    this.layer.append(dot);
    const move = (now: number): void => {
      const part = Math.min(1, (now - began) / TRAVEL_MS), eased = part < .5 ? 2 * part * part : 1 - (2 - 2 * part) ** 2 / 2;
      const { x, y } = path.getPointAtLength(length * (back ? 1 - eased : eased));
      dot.setAttribute("cx", String(x));
      dot.setAttribute("cy", String(y));
      part < 1 ? requestAnimationFrame(move) : dot.remove();
    };
    requestAnimationFrame(move);
  }

  private way({ from, to, kind }: Link, links: Link[], base: DOMRect): string {
    const box = (element: HTMLElement) => {
      const { left, top, width, height } = element.getBoundingClientRect();
      return { x: left - base.left, y: top - base.top, width, height };
    };
    const a = box(from), b = box(to);
    if (base.width < COLUMN_PX) {
      const side = kind === "device" ? 0 : 1, nth = links.filter(link => link.kind === kind).findIndex(link => link.from === from && link.to === to);
      const x = side ? a.x + a.width : a.x, out = side ? x + 6 + 5 * nth : x - 6 - 5 * nth;
      const [y, end] = [a.y + Math.min(48, a.height / 2), b.y + Math.min(48, b.height / 2)];
      const bend = Math.sign(end - y) * 12, way = Math.sign(out - x) * Math.abs(out - x);
      return `M ${x} ${y} Q ${x + way} ${y} ${out} ${y + bend} L ${out} ${end - bend} Q ${out} ${end} ${x} ${end}`;
    }
    if (kind === "device") {
      const beside = links.filter(link => link.kind === "device" && link.to === to), at = beside.findIndex(link => link.from === from);
      const [x, y] = [a.x + a.width / 2, a.y + a.height];
      const end = b.x + b.width * (at + 1) / (beside.length + 1), bend = (b.y - y) * .55;
      return `M ${x} ${y} C ${x} ${y + bend} ${end} ${b.y - bend} ${end} ${b.y}`;
    }
    const [left, right] = a.x < b.x ? [a, b] : [b, a];
    const near = links.every(({ from: c }) => c === from || c === to || !(box(c).y === a.y && box(c).x > left.x && box(c).x < right.x));
    const high = left.y + Math.min(56, left.height / 2);
    const way = near ? `M ${left.x + left.width} ${high} L ${right.x} ${high}`
      : `M ${left.x + left.width / 2} ${left.y + left.height} C ${left.x + left.width / 2} ${base.height + 4} ${right.x + right.width / 2} ${base.height + 4} ${right.x + right.width / 2} ${right.y + right.height}`;
    return way;
  }

  private key(from: HTMLElement, to: HTMLElement): string { return `${this.id(from)} ${this.id(to)}`; }

  private id(element: HTMLElement): number {
    if (!this.ids.has(element)) this.ids.set(element, this.ids.size);
    return this.ids.get(element)!;
  }
}
