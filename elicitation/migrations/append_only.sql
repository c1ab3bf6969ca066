-- Cards, draws, votes, upgrades and decisions stay as they were recorded. A person's words can be erased, nothing else.

CREATE FUNCTION heed_elicitation_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION heed_card_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.session_id IS NOT NULL AND NEW.title = '' AND NEW.description = '' AND NEW.policies = '[]'::jsonb
       AND NOT NEW.shared AND to_jsonb(NEW) - 'title' - 'description' - 'policies' - 'shared'
                            = to_jsonb(OLD) - 'title' - 'description' - 'policies' - 'shared' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'elicitation_card is append-only: only a participant''s words can be erased'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION heed_vote_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.verdict = '' AND NEW.why = '' AND to_jsonb(NEW) - 'verdict' - 'why' = to_jsonb(OLD) - 'verdict' - 'why' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'elicitation_vote is append-only: a vote can be erased and not changed'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER heed_tombstone BEFORE UPDATE ON elicitation_card FOR EACH ROW EXECUTE FUNCTION heed_card_update();
CREATE TRIGGER heed_tombstone BEFORE UPDATE ON elicitation_vote FOR EACH ROW EXECUTE FUNCTION heed_vote_update();
CREATE TRIGGER heed_no_update BEFORE UPDATE ON elicitation_draw FOR EACH ROW EXECUTE FUNCTION heed_elicitation_refuse();
CREATE TRIGGER heed_no_update BEFORE UPDATE ON elicitation_upgrade FOR EACH ROW EXECUTE FUNCTION heed_elicitation_refuse();
CREATE TRIGGER heed_no_update BEFORE UPDATE ON elicitation_mappingdecision FOR EACH ROW EXECUTE FUNCTION heed_elicitation_refuse();

CREATE TRIGGER heed_no_delete BEFORE DELETE ON elicitation_card FOR EACH ROW EXECUTE FUNCTION heed_elicitation_refuse();
CREATE TRIGGER heed_no_delete BEFORE DELETE ON elicitation_vote FOR EACH ROW EXECUTE FUNCTION heed_elicitation_refuse();
CREATE TRIGGER heed_no_delete BEFORE DELETE ON elicitation_draw FOR EACH ROW EXECUTE FUNCTION heed_elicitation_refuse();
CREATE TRIGGER heed_no_delete BEFORE DELETE ON elicitation_upgrade FOR EACH ROW EXECUTE FUNCTION heed_elicitation_refuse();
CREATE TRIGGER heed_no_delete BEFORE DELETE ON elicitation_mappingdecision FOR EACH ROW EXECUTE FUNCTION heed_elicitation_refuse();

CREATE TRIGGER heed_no_truncate BEFORE TRUNCATE ON elicitation_card FOR EACH STATEMENT EXECUTE FUNCTION heed_elicitation_refuse();
CREATE TRIGGER heed_no_truncate BEFORE TRUNCATE ON elicitation_vote FOR EACH STATEMENT EXECUTE FUNCTION heed_elicitation_refuse();
CREATE TRIGGER heed_no_truncate BEFORE TRUNCATE ON elicitation_draw FOR EACH STATEMENT EXECUTE FUNCTION heed_elicitation_refuse();
CREATE TRIGGER heed_no_truncate BEFORE TRUNCATE ON elicitation_upgrade FOR EACH STATEMENT EXECUTE FUNCTION heed_elicitation_refuse();
CREATE TRIGGER heed_no_truncate BEFORE TRUNCATE ON elicitation_mappingdecision FOR EACH STATEMENT EXECUTE FUNCTION heed_elicitation_refuse();
