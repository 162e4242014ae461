-- One database of a region's store. Every database of every region has these tables.
-- What a change costs is rows written: a change of a cart writes its row, and one entry of carts_by_minute
-- once a minute; carts_by_owner only when the owner changes. Integers stay below 2^53, as the runtime reads them.

CREATE TABLE carts (
    slot INTEGER NOT NULL,             -- the first 10 bits of the SHA-256 of the id
    cart_id TEXT NOT NULL,
    incarnation BLOB NOT NULL,         -- 8 random bytes, drawn when the row was made
    rev INTEGER NOT NULL,              -- one more for each change; compared before one is written
    state BLOB NOT NULL,               -- the canonical bytes
    ties BLOB NOT NULL,
    digest BLOB NOT NULL,              -- of both
    sequence INTEGER NOT NULL,         -- the home's version that was last taken in
    owner TEXT,                        -- the session; null: not known, or erased
    home TEXT NOT NULL,                -- the region
    quantity INTEGER NOT NULL,         -- of all lines in the cart
    lines INTEGER NOT NULL,            -- in the cart
    created INTEGER NOT NULL,          -- ms since 1970
    updated INTEGER NOT NULL,          -- ms since 1970, when a shopper last changed the cart
    minute INTEGER NOT NULL,           -- of `updated`: indexed in its place, since it seldom changes
    erased INTEGER NOT NULL,
    resident INTEGER NOT NULL,         -- its home is here and may still have its storage
    PRIMARY KEY (slot, cart_id)        -- slots are moved as a whole
);
CREATE INDEX carts_by_owner ON carts (owner) WHERE owner IS NOT NULL;
CREATE INDEX carts_by_minute ON carts (resident, minute, cart_id);

-- Which slots are here. A write of a cart asks in the same statement.
CREATE TABLE slots (
    slot INTEGER PRIMARY KEY NOT NULL,
    owned INTEGER NOT NULL,
    term INTEGER NOT NULL,             -- of ownership: one more for each move
    moved_to TEXT,                     -- while a move lasts: the database that has got it
    moved_from TEXT                    -- while a move lasts: the database where rows of it may still be
);

-- How late what came last was, from being sent to being here: one row.
CREATE TABLE freshness (
    id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    taken INTEGER NOT NULL,            -- ms since 1970
    late_ms INTEGER NOT NULL,
    late_versions INTEGER NOT NULL
);

-- Messages that could not be taken in, until the operator replays or drops them.
CREATE TABLE dead_letters (
    id TEXT PRIMARY KEY NOT NULL,      -- the message's
    died INTEGER NOT NULL,             -- ms since 1970
    reason TEXT NOT NULL,
    body BLOB NOT NULL
);
