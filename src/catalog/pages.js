// The pages that no file answers for: those of products, which say what they show and whether it is there, and what
// people get where there is nothing. Everything else here is the API's.

/** What is on the shop's pages beside the catalog: with a last slash too. */
const SLASHED = /^\/(?:cart|carts|sign-in|product\/[^/]+)\/$/;
const PRODUCT = /^\/product\/([^/]*)$/;
/** By its address as it came: most requests are the API's, and need no more than this look. */
const API = /^[^/]+\/\/[^/]+\/(?:v1|peer|healthz|readyz|openapi\.json)(?:[/?]|$)/;

/** Whether a request may ask for a page. */
export function isPage({ method, url }) {
  return (method === "GET" || method === "HEAD") && !API.test(url);
}

/** The page that it asks for, or what `edge` answers, which is asked of the API. */
export async function page(request, assets, edge) {
  const url = new URL(request.url);
  if (SLASHED.test(url.pathname)) return Response.redirect(url.origin + url.pathname.slice(0, -1) + url.search, 308);
  const file = name => assets.fetch(new Request(`${url.origin}/pages/${name}`));
  const [, sku] = PRODUCT.exec(url.pathname) ?? [];
  if (sku) {
    const answer = await edge(new Request(`${url.origin}/v1/products/${sku}`));
    if (answer.status === 404) return as(404, await file("gone"));
    const shell = await file("product");
    // The page asks for itself, and says so where the catalog does not answer.
    return answer.ok ? as(200, told(shell, await answer.json(), url)) : as(503, shell);
  }
  return request.headers.get("Accept")?.includes("text/html") ? as(404, await file("gone")) : edge(request);
}

/** A product's page, with what it is called for those who find it or link to it. */
function told(shell, { sku, title, unit_price }, url) {
  const price = unit_price && new Intl.NumberFormat("en", { style: "currency", currency: unit_price.currency });
  const said = {
    "og:title": title, "og:image": `${url.origin}/share.png`,
    "og:description": price ? `${price.format(unit_price.amount_minor / 10 ** price.resolvedOptions().maximumFractionDigits)} at Evercart.` : "At Evercart.",
  };
  return new HTMLRewriter()
    .on("head", { element: one => one.append(`<link rel="preload" href="/v1${url.pathname.replace("product", "products")}" as="fetch" type="application/json" crossorigin>`, { html: true }) })
    .on("title", { element: one => one.setInnerContent(`${title} · Evercart`) })
    .on("article", { element: one => one.setAttribute("data-sku", sku) })
    .on("h1", { element: one => one.setInnerContent(title) })
    .on("meta[property]", { element: one => { const text = said[one.getAttribute("property")]; if (text) one.setAttribute("content", text); } })
    .on('meta[name="description"]', { element: one => one.setAttribute("content", `${title}: ${said["og:description"]}`) })
    .transform(shell);
}

/** The same with another status; a file's tag is not that of what was made of it. */
function as(status, { body, headers }) {
  const answer = new Response(body, { status, headers });
  answer.headers.delete("ETag");
  return answer;
}
