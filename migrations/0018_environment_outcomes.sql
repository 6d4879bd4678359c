-- Fullness follows from the bytes in use and the storage there is.
ALTER TABLE environment_details DROP COLUMN is_full;
-- How the last copying of a project's data ended, as JSON: how many sets, and which could not be copied.
ALTER TABLE environment_details ADD COLUMN transferred TEXT;
-- Of an environment in error, as JSON: the change that could not be carried out, and why.
ALTER TABLE environment_details ADD COLUMN failure TEXT;
