-- SPDX-License-Identifier: MIT
-- A file as the first version of the tables had it: its SQL, word by word, and a row of each kind. It never changes.
PRAGMA journal_mode = WAL;
CREATE TABLE todos ( id TEXT PRIMARY KEY NOT NULL CHECK (typeof(id) = 'text' AND length(CAST(id AS BLOB)) BETWEEN 1 AND 64 AND instr(CAST(id AS BLOB), x'00') = 0 AND id NOT GLOB '*[^A-Za-z0-9._~-]*' AND id NOT IN ('.', '..')), name TEXT NOT NULL CHECK (typeof(name) = 'text' AND length(name) BETWEEN 1 AND 200 AND instr(CAST(name AS BLOB), x'00') = 0 AND name NOT GLOB '*[' || char(1) || '-' || char(8, 11, 12, 14) || '-' || char(31) || ']*'), description TEXT NOT NULL DEFAULT '' CHECK (typeof(description) = 'text' AND length(description) <= 4000 AND instr(CAST(description AS BLOB), x'00') = 0 AND description NOT GLOB '*[' || char(1) || '-' || char(8, 11, 12, 14) || '-' || char(31) || ']*'), done INTEGER NOT NULL DEFAULT 0 CHECK (typeof(done) = 'integer' AND done IN (0, 1)), v INTEGER NOT NULL DEFAULT 1 CHECK (typeof(v) = 'integer' AND v >= 1), created_at INTEGER NOT NULL CHECK (typeof(created_at) = 'integer' AND created_at BETWEEN 0 AND 253402300799999), updated_at INTEGER NOT NULL CHECK (typeof(updated_at) = 'integer' AND updated_at BETWEEN 0 AND 253402300799999)) STRICT, WITHOUT ROWID;
CREATE INDEX todos_by_time ON todos (created_at, id);
CREATE INDEX todos_by_done_and_time ON todos (done, created_at, id);
CREATE TABLE outbox ( seq INTEGER PRIMARY KEY, token TEXT NOT NULL CHECK (length(token) = 32), id TEXT NOT NULL CHECK (typeof(id) = 'text' AND length(CAST(id AS BLOB)) BETWEEN 1 AND 64 AND instr(CAST(id AS BLOB), x'00') = 0 AND id NOT GLOB '*[^A-Za-z0-9._~-]*' AND id NOT IN ('.', '..')), deadline_at INTEGER NOT NULL, settled INTEGER NOT NULL CHECK (settled IN (0, 1)), UNIQUE (token, id)) STRICT;
CREATE TABLE meta ( one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL, cache_run_id TEXT NOT NULL CHECK (length(cache_run_id) <= 40)) STRICT;
PRAGMA user_version = 1;
INSERT INTO todos VALUES ('kept', 'an old name', 'an old description', 1, 7, 1600000000000, 1600000000001);
INSERT INTO outbox VALUES (5, '0123456789abcdef0123456789abcdef', 'kept', 1600000000002, 1);
INSERT INTO meta VALUES (1, 9, 'the run id of a Redis');
