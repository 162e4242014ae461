// The drawings on buttons, as paths of 24 by 24.
import { drawn } from "../common/dom.js";

const PATHS = {
  plus: "M12 5v14M5 12h14", minus: "M5 12h14", close: "M6 6l12 12M18 6L6 18", back: "M15 5l-7 7 7 7", on: "M9 5l7 7-7 7",
  bin: "M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12", search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16.5 16.5L20 20",
  cart: "M3 5h2.5l2.3 10.2h9.9L20 8H6.3M9.5 19.5h.01M16.5 19.5h.01", devices: "M4 6h11v9H4zM2.5 18H12M16 10h5v9h-5z",
  carts: "M4 7h16M6 7l1 12h10l1-12M9 7a3 3 0 0 1 6 0",
} as const;

export function icon(name: keyof typeof PATHS): SVGSVGElement {
  return drawn("svg", { class: name === "back" || name === "on" ? "icon turns" : "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    drawn("path", { d: PATHS[name] }));
}
