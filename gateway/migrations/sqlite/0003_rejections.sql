-- Calls that were not let in, a row for each kind; bounded by the node, which holds the same rows in memory.
CREATE TABLE rejections (
    id INTEGER PRIMARY KEY,
    "count" INTEGER NOT NULL,
    first INTEGER NOT NULL,
    rejection TEXT NOT NULL
);
