import "./node_modules/evercart/dist/element.js";

const element = document.querySelector("ever-cart"), add = document.querySelector("#add");
element.addEventListener("connected", ({ detail: cart }) => {
  add.disabled = false;
  add.onclick = () => cart.add("1095275");
});
element.addEventListener("changed", ({ detail: view }) => { document.title = `${view.lines.length} in the cart`; });
