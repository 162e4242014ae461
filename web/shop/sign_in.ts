// The same carts on another device. There are no accounts yet: a link with this session's token opens it there.
// Opened, the link asks first, and what is in that device's cart joins the cart it opens. Whoever shares a computer signs
// out, which ends the session for all of them.
import { announce, element, set, write } from "../common/dom.js";
import { cart, reason } from "./cart.js";
import { go } from "./router.js";
import type { Page } from "./page.js";
import { t } from "./words.js";

export function signInPage(url: URL): Page {
  const token = new URLSearchParams(url.hash.slice(1)).get("token");
  // It opens the session to whoever reads it: it is not to stay in the address or the history.
  if (url.hash) history.replaceState(history.state, "", "/sign-in");
  return token ? asking(token) : offering();
}

function asking(token: string): Page {
  const refusal = element("p", { class: "refused", role: "alert" }), state = element("p", { class: "soft", role: "status" });
  const have = cart.view.lines.length + cart.view.saved.length;
  const yes = element("button", { type: "button", class: "primary", click: () => void signIn() }, t("Sign in here"));
  const signIn = async () => {
    refusal.textContent = "";
    set(yes, "disabled", true);
    write(state, cart.status.online ? t("Signing in …") : t("Waiting for a connection …"));
    try {
      const { apart } = cart.status;
      await cart.signIn({ token, merge: true });
      go("/cart");
      announce(cart.status.apart.length > apart.length
        ? t("Signed in. The cart of this device is too large to join the other: it stays as a second one, under Carts.")
        : t("Signed in. This is the cart of your other device."));
    } catch (error) { write(refusal, reason(error)); write(state, ""); } finally { set(yes, "disabled", false); }
  };
  return {
    title: t("Sign in on this device"),
    node: element("article", { class: "narrow" }, element("h1", {}, t("Sign in on this device?")),
      element("p", {}, t("This opens the carts of the device that the link is from. From then on both show the same, and what you do on one shows up on the other.")),
      element("p", {}, have ? t("What is in the cart here joins the cart you open; nothing is lost.") : t("The cart here is empty, so nothing changes in the one you open.")),
      element("div", { class: "actions" }, yes, element("a", { class: "button", href: "/" }, t("Not now"))), state, refusal),
  };
}

function offering(): Page {
  const refusal = element("p", { class: "refused", role: "alert" });
  const field = element("input", { readonly: true, id: "sign-in-link", dir: "ltr", spellcheck: "false", "aria-describedby": "sign-in-warning", focus: () => field.select() });
  const copy = element("button", { type: "button", class: "primary", disabled: true, click: () => void copied() }, t("Copy the link"));
  const copied = async () => {
    try {
      await navigator.clipboard.writeText(field.value);
      write(copy, t("Copied"));
      announce(t("The link is copied."));
    } catch { field.focus(); write(refusal, t("This browser does not let a page copy. The link is selected: copy it yourself.")); }
  };
  const out = element("button", { type: "button", click: () => void signOut() }, t("Sign out"));
  const signOut = async () => {
    refusal.textContent = "";
    set(out, "disabled", true);
    try {
      const { dropped, ended } = await cart.signOut();
      go("/");
      announce([t("Signed out. Nothing of you is kept on this device."),
        dropped ? t("{count} changes were not sent, and are gone.", { count: dropped }, "{count} change was not sent, and is gone.") : "",
        ended ? "" : t("Your other devices are signed out as soon as this one has a connection.")].filter(Boolean).join(" "));
    } catch (error) { write(refusal, reason(error)); } finally { set(out, "disabled", false); }
  };
  const picture = element("div", { class: "code" });
  cart.token().then(token => {
    field.value = `${location.origin}/sign-in#token=${token}`;
    set(copy, "disabled", false);
    // Only here, so no other page waits for it.
    return import("./qr.js").then(({ code }) => picture.replaceChildren(code(field.value, t("The link as a code, for the camera of the other device"))));
  }, error => { write(refusal, reason(error)); });
  return {
    title: t("Other devices"),
    node: element("article", { class: "narrow" }, element("h1", {}, t("Your cart on other devices")),
      element("p", { class: "soft" }, t("Open this link on your phone or another computer. Both then show the same carts, and each sees at once what the other does.")),
      element("div", { class: "field" }, element("label", { for: "sign-in-link" }, t("Link to this session")), element("div", { class: "side" }, field, copy)),
      refusal,
      element("p", {}, t("Or point the camera of the other device at this:")), picture,
      element("p", { class: "notice warn", id: "sign-in-warning" }, t("Whoever has the link can see and change your carts. Send it only to yourself.")),
      element("h2", {}, t("Sign out")),
      element("p", { class: "soft" }, t("For a computer that others use. The cart goes from this device, and every device that shares it is signed out.")),
      element("div", { class: "actions" }, out)),
  };
}
