/** The address of the client's Wasm. */
declare module "evercart.wasm" { const url: string; export default url; }
/** A file's text. */
declare module "*.txt" { const text: string; export default text; }
