-- Walks through the rows of this database, step by step, each step a message of the region's queue. The step that
-- moves the place on sends the next; one that finds it moved by another ends. The table `sweep`, which they take
-- the place of, stays for a build of before. In `carts`, `resident` says from here on that a replica may have its
-- storage wherever it is. Of rows of before, that of the home's store says so already.
CREATE TABLE walks (
    name TEXT PRIMARY KEY NOT NULL,
    run INTEGER NOT NULL,              -- ms since 1970, when it began
    goal TEXT NOT NULL,                -- what it is to bring about, where that changes
    goal_before TEXT NOT NULL,
    number INTEGER NOT NULL,           -- after which place it goes on: a number and an id
    id TEXT NOT NULL,
    beat INTEGER NOT NULL,             -- ms since 1970, when it last went on
    ended INTEGER NOT NULL,            -- ms since 1970; 0 while it lasts
    passed INTEGER NOT NULL,           -- rows looked at in this run
    done INTEGER NOT NULL,             -- of them those with which something was done
    queries_max INTEGER NOT NULL,      -- the most that one step of this run has asked of databases,
    calls_max INTEGER NOT NULL         -- and of everybody, these included
);
