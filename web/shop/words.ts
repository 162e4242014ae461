// The words of the catalog as a shop writes them. Titles are made readable when the catalog is imported; names of
// departments are keys, so they stay as the source has them, IN CAPITALS, and are put into words here.

const DEPARTMENTS: Record<string, string> = {
  "DRUG GM": "Drugstore and home", "MEAT-PCKGD": "Packaged meat", "SEAFOOD-PCKGD": "Packaged seafood", "DELI": "Deli",
  "CNTRL/STORE SUP": "Store supplies", "CHARITABLE CONT": "Charity", "PROD-WHS SALES": "Produce warehouse",
  "ELECT &PLUMBING": "Electrical and plumbing", "GM MERCH EXP": "General merchandise", "TRAVEL & LEISURE": "Travel and leisure",
  "PHOTO & VIDEO": "Photo and video", "COUPON": "Coupons", "NUTRITION": "Nutrition", "PASTRY": "Bakery",
};

/** A department's name. */
export function department(name: string): string {
  return DEPARTMENTS[name] ?? name.charAt(0) + name.slice(1).toLowerCase();
}

export function brand(name: string): string {
  return name === "Private" ? "Own brand" : name === "National" ? "National brand" : name;
}

export function items(quantity: number): string {
  return `${quantity.toLocaleString()} ${quantity === 1 ? "item" : "items"}`;
}
