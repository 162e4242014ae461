/** The address of the client's Wasm. */
declare module "evercart.wasm" { const url: string; export default url; }
/** A file's text. */
declare module "*.txt" { const text: string; export default text; }
/** What shows the description of the API; it comes without types. */
declare module "swagger-ui-dist/swagger-ui-es-bundle.js" {
  export default function SwaggerUI(options: {
    url: string; domNode: Element; deepLinking: boolean; validatorUrl: null; defaultModelsExpandDepth: number; defaultModelExpandDepth: number;
    onComplete: () => void; tagsSorter: (a: string, b: string) => number;
  }): void;
}
