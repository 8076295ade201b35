-- Times are milliseconds since 1970-01-01 UTC. Ids of calls and recordings come from the switch, all others from here.

CREATE TABLE customers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT,
    language TEXT,
    segment TEXT,
    created INTEGER NOT NULL
);

-- The same value under two customers is allowed, and then identifies neither: a match is never guessed.
CREATE TABLE identities (
    customer INTEGER NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    verified_at INTEGER,
    source TEXT NOT NULL,
    PRIMARY KEY (kind, value, customer)
) WITHOUT ROWID;
CREATE INDEX identities_by_customer ON identities (customer);

-- Append-only; the latest of a key counts. Privacy `pci` never gets here, and the table says so itself.
CREATE TABLE facts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer INTEGER REFERENCES customers (id) ON DELETE CASCADE,
    call INTEGER,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    source TEXT NOT NULL,
    at INTEGER NOT NULL,
    confidence INTEGER NOT NULL,
    confirmed INTEGER NOT NULL,
    privacy TEXT NOT NULL CHECK (privacy IN ('open', 'pii'))
);
CREATE INDEX facts_by_customer ON facts (customer, key, at);
CREATE INDEX facts_by_call ON facts (call) WHERE customer IS NULL;

CREATE TABLE cases (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer INTEGER NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    status TEXT NOT NULL,
    title TEXT NOT NULL,
    opened INTEGER NOT NULL,
    closed INTEGER
);
CREATE INDEX cases_by_customer ON cases (customer, closed);

-- A call from its first record on; `ended` stays NULL while it lives, or when the node died under it.
CREATE TABLE calls (
    id INTEGER PRIMARY KEY,
    context_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    previous INTEGER,
    merged_into INTEGER,
    peer TEXT,
    customer INTEGER REFERENCES customers (id) ON DELETE SET NULL,
    identified INTEGER NOT NULL DEFAULT 0,
    started INTEGER NOT NULL,
    touched INTEGER NOT NULL,
    exit_kind TEXT,
    exit_node TEXT,
    queue TEXT,
    queued_at INTEGER,
    agent INTEGER,
    bridged_at INTEGER,
    intent TEXT,
    ended INTEGER,
    cause TEXT,
    waited_ms INTEGER,
    talked_ms INTEGER,
    crashed INTEGER NOT NULL DEFAULT 0,
    disposition TEXT,
    resolved INTEGER,
    tags TEXT NOT NULL DEFAULT '[]',
    note TEXT
);
CREATE INDEX calls_by_start ON calls (started);
CREATE INDEX calls_by_customer ON calls (customer, started);
CREATE INDEX calls_open ON calls (id) WHERE ended IS NULL;

-- The whole truth of a call, in order; everything else about calls can be made again from it.
CREATE TABLE records (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    call INTEGER NOT NULL,
    at INTEGER NOT NULL,
    type TEXT NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX records_by_call ON records (call, id);

CREATE TABLE interactions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer INTEGER REFERENCES customers (id) ON DELETE CASCADE,
    medium TEXT NOT NULL,
    at INTEGER NOT NULL,
    gist TEXT NOT NULL,
    intent TEXT,
    outcome TEXT,
    agent INTEGER,
    tags TEXT NOT NULL DEFAULT '[]',
    transcript TEXT NOT NULL DEFAULT '[]',
    "case" INTEGER REFERENCES cases (id) ON DELETE SET NULL,
    call INTEGER UNIQUE,
    chat INTEGER UNIQUE
);
CREATE INDEX interactions_by_customer ON interactions (customer, at);

CREATE TABLE menu_presented (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    call INTEGER NOT NULL,
    at INTEGER NOT NULL,
    node TEXT NOT NULL,
    version INTEGER NOT NULL,
    mode TEXT NOT NULL,
    holdout INTEGER NOT NULL,
    items TEXT NOT NULL
);
CREATE INDEX menu_presented_by_call ON menu_presented (call);

-- `outcome` is chosen or backed_out.
CREATE TABLE menu_choices (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer INTEGER REFERENCES customers (id) ON DELETE CASCADE,
    call INTEGER NOT NULL,
    at INTEGER NOT NULL,
    node TEXT NOT NULL,
    item TEXT NOT NULL,
    position INTEGER NOT NULL,
    after_ms INTEGER NOT NULL,
    outcome TEXT NOT NULL
);
CREATE INDEX menu_choices_by_customer ON menu_choices (customer, at);
CREATE INDEX menu_choices_by_call ON menu_choices (call, id);

-- How often all callers together chose an item, and did not back out.
CREATE TABLE popularity (
    node TEXT NOT NULL,
    item TEXT NOT NULL,
    chosen INTEGER NOT NULL,
    PRIMARY KEY (node, item)
) WITHOUT ROWID;

CREATE TABLE recordings (
    id INTEGER NOT NULL,
    call INTEGER NOT NULL,
    at INTEGER NOT NULL,
    file TEXT,
    length_ms INTEGER NOT NULL DEFAULT 0,
    failure TEXT,
    PRIMARY KEY (call, id)
) WITHOUT ROWID;

CREATE TABLE chats (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer INTEGER REFERENCES customers (id) ON DELETE CASCADE,
    language TEXT NOT NULL,
    proven INTEGER NOT NULL,
    opened INTEGER NOT NULL,
    reason TEXT
);

CREATE TABLE chat_lines (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    chat INTEGER NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    speaker TEXT NOT NULL,
    text TEXT NOT NULL,
    omitted INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX chat_lines_by_chat ON chat_lines (chat, id);

-- What an integrator sent under one key, and what we answered: a repeat within a day gets the same answer.
CREATE TABLE idempotency (
    key TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    status INTEGER NOT NULL,
    response TEXT NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (at);

-- Only the hash of a login's token is kept.
CREATE TABLE logins (
    token TEXT PRIMARY KEY,
    agent INTEGER NOT NULL,
    expires INTEGER NOT NULL
) WITHOUT ROWID;

-- A handoff token ties one call to one chat, once.
CREATE TABLE spent_tokens (
    jti TEXT PRIMARY KEY,
    expires INTEGER NOT NULL
) WITHOUT ROWID;

-- How far a spool file has been replayed, written with what was replayed.
CREATE TABLE spools (
    file TEXT PRIMARY KEY,
    replayed INTEGER NOT NULL
) WITHOUT ROWID;
