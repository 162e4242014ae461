-- What is sold. Filled from data/products.csv.gz by `evercart import`.
-- Read by sku, one row a lookup.
CREATE TABLE products (
    sku TEXT PRIMARY KEY NOT NULL,
    title TEXT NOT NULL,
    department TEXT NOT NULL,
    brand TEXT NOT NULL,               -- National, or Private: the store's own
    manufacturer_id INTEGER NOT NULL,
    category TEXT,                     -- null: not known, as below
    product_type TEXT,
    package_size TEXT,
    price_minor INTEGER,               -- in the currency's minor unit; null: no price known, cannot be sold
    currency TEXT NOT NULL DEFAULT 'USD'
) WITHOUT ROWID;
