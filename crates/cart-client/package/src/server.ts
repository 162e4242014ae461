// What a server imports: the same, with the Wasm in it. Nobody knows where the bundle of a server lies.
import wasm from "../dist/evercart.wasm";
import { embed } from "./wasm.js";

embed(wasm);
export * from "./index.js";
