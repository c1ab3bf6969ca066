-- A drafted text is what was drafted. Of a version only the state moves on: no words, no origin, no way back.

CREATE FUNCTION heed_draft_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION heed_draft_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - 'state' - 'reason' = to_jsonb(OLD) - 'state' - 'reason' AND (OLD.state || ' ' || NEW.state) IN
       ('checking open', 'checking refused', 'open approved', 'open rejected', 'approved rejected') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'study_draft is append-only: its words stay, and it does not move from % to %', OLD.state, NEW.state
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER draft_states BEFORE UPDATE ON study_draft FOR EACH ROW EXECUTE FUNCTION heed_draft_update();
CREATE TRIGGER draft_no_update BEFORE UPDATE ON study_check FOR EACH ROW EXECUTE FUNCTION heed_draft_refuse();
CREATE TRIGGER draft_no_update BEFORE UPDATE ON study_decision FOR EACH ROW EXECUTE FUNCTION heed_draft_refuse();
CREATE TRIGGER draft_no_update BEFORE UPDATE ON study_placement FOR EACH ROW EXECUTE FUNCTION heed_draft_refuse();

CREATE TRIGGER draft_no_delete BEFORE DELETE ON study_draft FOR EACH ROW EXECUTE FUNCTION heed_draft_refuse();
CREATE TRIGGER draft_no_delete BEFORE DELETE ON study_check FOR EACH ROW EXECUTE FUNCTION heed_draft_refuse();
CREATE TRIGGER draft_no_delete BEFORE DELETE ON study_decision FOR EACH ROW EXECUTE FUNCTION heed_draft_refuse();
CREATE TRIGGER draft_no_delete BEFORE DELETE ON study_placement FOR EACH ROW EXECUTE FUNCTION heed_draft_refuse();

CREATE TRIGGER draft_no_truncate BEFORE TRUNCATE ON study_draft FOR EACH STATEMENT EXECUTE FUNCTION heed_draft_refuse();
CREATE TRIGGER draft_no_truncate BEFORE TRUNCATE ON study_check FOR EACH STATEMENT EXECUTE FUNCTION heed_draft_refuse();
CREATE TRIGGER draft_no_truncate BEFORE TRUNCATE ON study_decision FOR EACH STATEMENT EXECUTE FUNCTION heed_draft_refuse();
CREATE TRIGGER draft_no_truncate BEFORE TRUNCATE ON study_placement FOR EACH STATEMENT EXECUTE FUNCTION heed_draft_refuse();
