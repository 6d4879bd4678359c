-- The first migration made the default organization and its environment without a date. They are as old as the deployment.
UPDATE organizations SET created_at = unixepoch() * 1000 WHERE id = 1 AND created_at = 0;
UPDATE environments SET created_at = unixepoch() * 1000 WHERE id = 1 AND created_at = 0;
UPDATE environment_details SET updated_at = unixepoch() * 1000 WHERE environment_id = 1 AND updated_at = 0;
