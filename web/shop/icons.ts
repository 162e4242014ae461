// The drawings on buttons, as paths of 24 by 24.
import { drawn } from "../common/dom.js";
import paths from "./icons.json";

export function icon(name: keyof typeof paths): SVGSVGElement {
  return drawn("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" }, drawn("path", { d: paths[name] }));
}
