-- What an environment is beside its name and its host: `environments.host` is the host name of its APIs (api-….), and
-- those of its websites follow from that (web-…., www-….).
CREATE TABLE environment_details (
  environment_id INTEGER PRIMARY KEY REFERENCES environments (id),
  description TEXT NOT NULL DEFAULT '',
  region TEXT NOT NULL DEFAULT 'amsterdam',
  timezone TEXT NOT NULL DEFAULT 'Europe/Amsterdam',
  package TEXT NOT NULL DEFAULT 'SS-A',
  -- Gigabytes added, 100 at a time.
  extra_storage INTEGER NOT NULL DEFAULT 0,
  software TEXT NOT NULL DEFAULT 'v.0.1.0',
  status TEXT NOT NULL DEFAULT 'ready',
  -- What a change that is under way leads to, as JSON; its object carries it out.
  pending TEXT,
  -- What the last optimization freed, as JSON.
  optimized TEXT,
  -- Bytes in use when they were last counted, and when.
  used_bytes INTEGER NOT NULL DEFAULT 0,
  measured_at INTEGER NOT NULL DEFAULT 0,
  -- Whether they were all that there are: then nothing more is stored.
  is_full INTEGER NOT NULL DEFAULT 0,
  updated_at INTEGER NOT NULL
);
INSERT INTO environment_details (environment_id, updated_at) SELECT id, created_at FROM environments;

CREATE TABLE environment_certificates (
  environment_id INTEGER PRIMARY KEY REFERENCES environments (id),
  description TEXT NOT NULL,
  -- The certificate and its chain, PEM.
  chain TEXT NOT NULL,
  -- Encrypted under the deployment's master key; never given out.
  private_key TEXT NOT NULL,
  created_at INTEGER NOT NULL
);

-- The project that a hosted one was copied from: its id, by which environments name it, and its version then.
ALTER TABLE projects ADD COLUMN origin_id INTEGER;
ALTER TABLE projects ADD COLUMN origin_version INTEGER;
-- Set when the project was taken out of its environment; applying it again brings it back.
ALTER TABLE projects ADD COLUMN removed_at INTEGER;
CREATE UNIQUE INDEX projects_by_origin ON projects (environment_id, origin_id) WHERE origin_id IS NOT NULL;

CREATE TABLE url_mappings (
  environment_id INTEGER NOT NULL,
  -- With a slash at both ends.
  url TEXT NOT NULL,
  type TEXT NOT NULL,
  project_id INTEGER NOT NULL REFERENCES projects (id),
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (environment_id, url)
) WITHOUT ROWID;

-- Files of projects: of websites (site is the slug), hosted pages (site is 'page:' and the name), and of the file
-- manager (site is '').
CREATE TABLE project_files (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  environment_id INTEGER NOT NULL,
  project_id INTEGER NOT NULL REFERENCES projects (id),
  site TEXT NOT NULL,
  path TEXT NOT NULL,
  content_type TEXT NOT NULL,
  size INTEGER NOT NULL,
  -- SHA-256 of the bytes.
  hash TEXT NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (environment_id, project_id, site, path)
);
CREATE TABLE project_file_parts (
  file_id INTEGER NOT NULL REFERENCES project_files (id) ON DELETE CASCADE,
  part INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (file_id, part)
) WITHOUT ROWID;

-- Visits of websites and hosted pages, by hour.
CREATE TABLE environment_visits (
  environment_id INTEGER NOT NULL,
  hour INTEGER NOT NULL,
  visits INTEGER NOT NULL,
  PRIMARY KEY (environment_id, hour)
) WITHOUT ROWID;
