"""What people said when they were asked again stays as it was recorded; their words can be erased, nothing else."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION heed_followup_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.same = '' AND NEW.same_why = '' AND NEW.fair = '' AND NEW.fair_why = ''
       AND to_jsonb(NEW) - 'same' - 'same_why' - 'fair' - 'fair_why'
         = to_jsonb(OLD) - 'same' - 'same_why' - 'fair' - 'fair_why' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'elicitation_followup is append-only: an answer can be erased and not changed'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER heed_tombstone BEFORE UPDATE ON elicitation_followup
    FOR EACH ROW EXECUTE FUNCTION heed_followup_update();
CREATE TRIGGER heed_no_delete BEFORE DELETE ON elicitation_followup
    FOR EACH ROW EXECUTE FUNCTION heed_elicitation_refuse();
CREATE TRIGGER heed_no_truncate BEFORE TRUNCATE ON elicitation_followup
    FOR EACH STATEMENT EXECUTE FUNCTION heed_elicitation_refuse();
"""
BACKWARD = """
DROP TRIGGER heed_no_truncate ON elicitation_followup;
DROP TRIGGER heed_no_delete ON elicitation_followup;
DROP TRIGGER heed_tombstone ON elicitation_followup;
DROP FUNCTION heed_followup_update();
"""


class Migration(migrations.Migration):
    dependencies = [("elicitation", "0007_follow_up")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
