// A link as a code that a camera reads: what is on this screen is opened on the phone that looks at it.
/*! qrcode-generator: Copyright (c) 2009 Kazuhiko Arase, licensed under the MIT license */
import qrcode from "qrcode-generator";
import { drawn } from "../common/dom.js";

/** The white around a code, in modules: less, and cameras do not find it. */
const QUIET = 4;

export function code(text: string, label: string): SVGSVGElement {
  const made = qrcode(0, "L");
  made.addData(text);
  made.make();
  const count = made.getModuleCount(), size = count + 2 * QUIET;
  let path = "";
  for (let row = 0; row < count; row++) for (let column = 0; column < count; column++)
    if (made.isDark(row, column)) path += `M${column + QUIET} ${row + QUIET}h1v1h-1z`;
  return drawn("svg", { viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": label, "shape-rendering": "crispEdges" },
    drawn("rect", { width: size, height: size, fill: "#fff" }), drawn("path", { d: path, fill: "#000" }));
}
