-- INSERT OR REPLACE deletes without asking the triggers that keep rows, so what is there may not be inserted again either.
CREATE TRIGGER audit_log_once BEFORE INSERT ON audit_log WHEN EXISTS (SELECT 1 FROM audit_log WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_outcomes_once BEFORE INSERT ON audit_outcomes WHEN EXISTS (SELECT 1 FROM audit_outcomes WHERE audit_id = NEW.audit_id)
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
