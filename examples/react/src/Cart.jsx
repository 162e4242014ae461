import { useState } from "react";
import { useCart } from "evercart/react";

export function Cart() {
  const { state, cart, view, status, error, retry } = useCart();
  const [refused, setRefused] = useState(null);
  if (state === "loading") return <p>Your cart is on its way.</p>;
  if (state === "failed") return <p role="alert">{error.detail} <button onClick={retry}>Try again</button></p>;

  // Each edit is shown at once. Its promise says whether it stays: stored here, or refused with a reason.
  const edit = change => change.then(() => setRefused(null), setRefused);
  return (
    <section>
      <button onClick={() => edit(cart.add("1095275"))}>Add bagels</button>
      <button onClick={() => edit(cart.add("1095275", 1, { customization: { engraving: "Ann" } }))}>Add engraved bagels</button>
      <ul>
        {view.lines.map(line => (
          <li key={line.line_id}>
            {line.quantity} × {line.title ?? line.sku} {line.customization?.engraving}{" "}
            <button onClick={() => edit(cart.remove(line.line_id))}>Remove</button>
          </li>
        ))}
      </ul>
      {view.undo > 0 && <button onClick={() => edit(cart.undo())}>Undo</button>}
      {refused && <p role="alert">{refused.detail}</p>}
      <p role="status">{!status.online ? "Offline: changes are kept here." : status.pending ? "Saving…" : "Saved."}</p>
    </section>
  );
}
