// The description of the API, to read and to try: Swagger UI on what /openapi.json says.
import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";

const dark = matchMedia("(prefers-color-scheme: dark)");
const shade = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", shade);
shade();
SwaggerUI({
  url: "/openapi.json",
  domNode: document.querySelector("#api")!,
  deepLinking: true,
  // A page of another origin is asked nothing.
  validatorUrl: null,
  // The schemas are where they are used.
  defaultModelsExpandDepth: -1,
  defaultModelExpandDepth: 3,
  onComplete: () => document.querySelector("#servers")?.setAttribute("aria-label", "Server"),
  tagsSorter: (a, b) => ORDER.indexOf(a) - ORDER.indexOf(b),
});
/** What a shop needs first. */
const ORDER = ["sessions", "carts", "lines", "coupons", "products", "devices", "operator", "development", "service"];
