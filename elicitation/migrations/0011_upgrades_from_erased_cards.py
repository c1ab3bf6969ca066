"""The words of upgrades that were made from a participant's card can be erased with it, and nothing else of them."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION heed_proposal_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.mapping = '[]'::jsonb AND NEW.story = '' AND NEW.back = '' AND NEW.checks = '{}'::jsonb
       AND to_jsonb(NEW) - 'mapping' - 'story' - 'back' - 'checks' = to_jsonb(OLD) - 'mapping' - 'story' - 'back' - 'checks'
    THEN RETURN NEW;
    END IF;
    RAISE EXCEPTION 'elicitation_proposal is append-only: only its words can be erased'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION heed_upgrade_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.pair LIKE '~%' AND NEW.story = '' AND to_jsonb(NEW) - 'story' = to_jsonb(OLD) - 'story' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'elicitation_upgrade is append-only: only the story of a proposed upgrade can be erased'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

DROP TRIGGER heed_no_update ON elicitation_proposal;
DROP TRIGGER heed_no_update ON elicitation_upgrade;
CREATE TRIGGER heed_tombstone BEFORE UPDATE ON elicitation_proposal FOR EACH ROW EXECUTE FUNCTION heed_proposal_update();
CREATE TRIGGER heed_tombstone BEFORE UPDATE ON elicitation_upgrade FOR EACH ROW EXECUTE FUNCTION heed_upgrade_update();
"""
BACKWARD = """
DROP TRIGGER heed_tombstone ON elicitation_proposal;
DROP TRIGGER heed_tombstone ON elicitation_upgrade;
CREATE TRIGGER heed_no_update BEFORE UPDATE ON elicitation_proposal FOR EACH ROW EXECUTE FUNCTION heed_elicitation_refuse();
CREATE TRIGGER heed_no_update BEFORE UPDATE ON elicitation_upgrade FOR EACH ROW EXECUTE FUNCTION heed_elicitation_refuse();
DROP FUNCTION heed_proposal_update();
DROP FUNCTION heed_upgrade_update();
"""


class Migration(migrations.Migration):
    dependencies = [("elicitation", "0010_case_drafts_append_only")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
