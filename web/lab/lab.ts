import wasm from "evercart.wasm";
import { connect } from "evercart";

const cart = await connect({ wasm });
document.body.textContent = cart.view.currency;
