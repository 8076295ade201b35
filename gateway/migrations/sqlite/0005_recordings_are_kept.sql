-- What becomes of a recording after its sealing. `state`: sealed, archived, uploaded; failed; expired, erased.
ALTER TABLE recordings ADD COLUMN state TEXT NOT NULL DEFAULT 'sealed';
ALTER TABLE recordings ADD COLUMN form TEXT NOT NULL DEFAULT 'wav';
-- Of what is heard, not of the sealed file.
ALTER TABLE recordings ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recordings ADD COLUMN sha256 TEXT;
-- The file's own key, wrapped by the master key of that id. Gone, the file and all its copies are noise.
ALTER TABLE recordings ADD COLUMN key_id TEXT;
ALTER TABLE recordings ADD COLUMN key BLOB;
-- The object's name where copies are kept.
ALTER TABLE recordings ADD COLUMN remote TEXT;
-- The next step has failed so often, may be tried again then, and failed last because of this.
ALTER TABLE recordings ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recordings ADD COLUMN due INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recordings ADD COLUMN trouble TEXT;
ALTER TABLE recordings ADD COLUMN gone_at INTEGER;
ALTER TABLE recordings ADD COLUMN gone_by TEXT;
UPDATE recordings SET state = 'failed' WHERE file IS NULL;
CREATE INDEX recordings_by_state ON recordings (state, at);
CREATE INDEX recordings_put_off ON recordings (due) WHERE due > 0;
CREATE INDEX recordings_to_clear ON recordings (due) WHERE state IN ('expired', 'erased') AND (file IS NOT NULL OR remote IS NOT NULL);
