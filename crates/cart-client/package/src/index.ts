// A shopping cart that is edited here, works offline, and is the same on every device.
export { connect, Cart } from "./cart.js";
export * from "./types.js";
