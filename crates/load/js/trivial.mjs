// A Worker that does nothing: what the runtime itself costs.
export default {
  fetch(request) {
    const found = new URL(request.url).pathname === "/healthz";
    return found ? Response.json({ status: "ok" }) : new Response("there is nothing here", { status: 404 });
  },
};
