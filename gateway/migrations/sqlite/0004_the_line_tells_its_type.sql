-- A record's line holds its type; a copy of it cost a second reading of each line.
ALTER TABLE records DROP COLUMN type;
ALTER TABLE records ADD COLUMN type TEXT GENERATED ALWAYS AS (record ->> 'type') VIRTUAL;
