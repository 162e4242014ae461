// The pages of the shop as they come from the server, before any script: the frame is index.html, and here is what
// differs. Each has its title, what it says of itself to those who link to it, and the room of what will be there, so
// that nothing moves when it comes.

const times = (count, html) => html.repeat(count);
const blanks = count => times(count, '<i class="blank"></i>');
const card = `<li class="card waits" aria-hidden="true"><span class="picture"></span><div class="words">${blanks(3)}</div><div class="foot"><i class="blank"></i><i class="blank round"></i></div></li>`;
const line = `<li class="line waits" aria-hidden="true"><span class="picture"></span><div class="words">${blanks(2)}</div><i class="blank round"></i></li>`;
const NAME = "A shop whose cart is the same on all your devices, also offline.";

/** How many cards and lines stand in for what is not known yet: more than a screen shows. */
const CARDS = 24, LINES = 6;

/** What a page will ask for first, asked for with it. That of a product is named by src/catalog/pages.js. */
const ahead = path => `<link rel="preload" href="${path}" as="fetch" type="application/json" crossorigin>`;

export const SHOP = {
  index: {
    ahead: ahead("/v1/products?"),
    title: "All products", description: `${NAME} Thousands of groceries to browse and to search.`,
    main: `<div class="browse"><nav class="departments" aria-label="Departments"><ul>${times(12, '<li class="waits" aria-hidden="true"><i class="blank"></i></li>')}</ul></nav>
<section class="found"><div class="head"><h1>All products</h1><p class="soft">Looking …</p></div><ul class="cards">${times(CARDS, card)}</ul></section></div>`,
  },
  "pages/product": {
    title: "Product", description: NAME,
    main: `<article class="whole-product"><div class="product"><div class="picture waits"></div><div class="facts waits"><i class="blank"></i><h1>Product</h1>${blanks(4)}</div></div></article>`,
  },
  "pages/cart": {
    title: "Your cart", description: NAME,
    main: `<article class="whole-cart"><h1>Your cart</h1><div class="cart"><div class="contents"><p class="state"></p><ul class="lines">${times(LINES, line)}</ul></div><div class="sum waits" aria-hidden="true">${blanks(5)}</div></div></article>`,
  },
  "pages/gone": {
    title: "There is nothing here", description: NAME,
    main: `<article class="empty"><h1>There is nothing here</h1><p>Perhaps it is not sold any more, or the address is not quite right.</p><a class="button" href="/">See all products</a></article>`,
  },
  "pages/carts": { title: "Carts", description: NAME, main: `<article class="narrow"><h1>Carts</h1><div class="waits">${blanks(3)}</div></article>` },
  "pages/sign-in": { title: "Other devices", description: "The same cart on your phone and on your computer.", main: `<article class="narrow"><h1>Your cart on other devices</h1><div class="waits">${blanks(3)}<div class="code"></div>${blanks(18)}</div></article>` },
};
