-- Of which cart a dead letter is, so that it goes when the cart is erased; null where that cannot be read, and in
-- those of before. They are listed by age, and the oldest come to their end.
ALTER TABLE dead_letters ADD COLUMN cart_id TEXT;
CREATE INDEX dead_letters_by_cart ON dead_letters (cart_id);
CREATE INDEX dead_letters_by_age ON dead_letters (died, id);

-- How much has gone from this database, by kind, for the operator to see.
CREATE TABLE tallies (
    name TEXT PRIMARY KEY NOT NULL,
    count INTEGER NOT NULL
);
