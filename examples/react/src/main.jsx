import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { EvercartProvider } from "evercart/react";
import { Cart } from "./Cart.jsx";

// The service's origin. Left out, it is that of the page.
const url = import.meta.env.VITE_EVERCART_URL;

createRoot(document.getElementById("root")).render(
  <StrictMode>
    <EvercartProvider {...(url ? { url } : {})}>
      <Cart />
    </EvercartProvider>
  </StrictMode>,
);
