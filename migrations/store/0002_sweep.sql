-- Where the sweep of idle carts goes on, if its last run did not come to their end: one row, or none.
CREATE TABLE sweep (
    id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    minute INTEGER NOT NULL,
    cart_id TEXT NOT NULL
);
