-- The first form of the index.
CREATE TABLE takes (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,           -- SHA-256 of the file
    date INTEGER NOT NULL,             -- seconds since 1970
    name TEXT NOT NULL,                -- folded, for the order
    tempo_bpm REAL,
    key TEXT,                          -- folded
    score REAL,
    is_favourite INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    used INTEGER                       -- seconds since 1970
);
CREATE INDEX takes_date ON takes (date, number);
CREATE INDEX takes_name ON takes (name, date DESC, number DESC);
CREATE INDEX takes_tempo ON takes (ifnull(tempo_bpm, 1e9), date DESC, number DESC);
CREATE INDEX takes_key ON takes (key, date DESC, number DESC);
CREATE INDEX takes_score ON takes (ifnull(score, -1e9) DESC, date DESC, number DESC);
-- What leaves first, and how much there is.
CREATE INDEX takes_age ON takes (is_favourite, max(ifnull(used, 0), date), number, bytes);

-- What only a shown take needs.
CREATE TABLE details (
    number INTEGER PRIMARY KEY,
    facts TEXT NOT NULL,               -- JSON, without the outline
    tags TEXT NOT NULL,                -- JSON
    peaks BLOB NOT NULL,
    words TEXT NOT NULL                -- folded, between spaces
);

CREATE TABLE tags (
    folded TEXT NOT NULL,
    number INTEGER NOT NULL,
    tag TEXT NOT NULL,
    PRIMARY KEY (folded, number)
) WITHOUT ROWID;
CREATE INDEX tags_number ON tags (number);

CREATE VIRTUAL TABLE found USING fts5 (
    words,
    content = 'details',
    content_rowid = 'number',
    tokenize = "ascii tokenchars '#'",
    prefix = '1 2 3 4',
    detail = none
);

CREATE TRIGGER takes_gone AFTER DELETE ON takes BEGIN
    DELETE FROM details WHERE number = old.number;
    DELETE FROM tags WHERE number = old.number;
END;
CREATE TRIGGER details_new AFTER INSERT ON details BEGIN
    INSERT INTO found (rowid, words) VALUES (new.number, new.words);
END;
CREATE TRIGGER details_gone AFTER DELETE ON details BEGIN
    INSERT INTO found (found, rowid, words) VALUES ('delete', old.number, old.words);
END;

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

-- Which shelves of the folder were last found to agree with the index.
CREATE TABLE shelves (
    first INTEGER PRIMARY KEY,
    changed_ns INTEGER NOT NULL
);
