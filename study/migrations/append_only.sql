-- What was recorded stays recorded: not even a shell on the application rewrites it without first removing these
-- triggers, which only the tables' owner can do and which shows in the schema.

CREATE FUNCTION heed_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'integrity_constraint_violation';
END $$;

-- Erasure (a person's right) leaves a tombstone: payload and salt go, everything else stays, so the chain still verifies.
CREATE FUNCTION heed_submission_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.payload IS NULL AND NEW.salt = ''
       AND to_jsonb(NEW) - 'payload' - 'salt' = to_jsonb(OLD) - 'payload' - 'salt' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'study_submission is append-only: only payload and salt can be erased, together'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION heed_traceevent_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.data = '{}'::jsonb AND to_jsonb(NEW) - 'data' = to_jsonb(OLD) - 'data' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'study_traceevent is append-only: only data can be erased'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

-- A slot changes hands; what the seed drew does not change.
CREATE FUNCTION heed_slot_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.study_id, NEW.number, NEW.block, NEW.stratum, NEW.arm, NEW.item_order, NEW.hedged)
       IS DISTINCT FROM (OLD.id, OLD.study_id, OLD.number, OLD.block, OLD.stratum, OLD.arm, OLD.item_order, OLD.hedged) THEN
        RAISE EXCEPTION 'the schedule of slot % is committed: change refused', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.returns < OLD.returns OR (OLD.state = 'done' AND NEW.state <> 'done')
       OR (OLD.state = 'done' AND NEW.holder_id IS DISTINCT FROM OLD.holder_id) THEN
        RAISE EXCEPTION 'slot % was completed or returned: its history stays', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

-- A study moves forward only, never collects unregistered, and what it was registered as does not change.
CREATE FUNCTION heed_study_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'draft' THEN
            RAISE EXCEPTION 'a study begins as a draft' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.state <> OLD.state AND (OLD.state || ' ' || NEW.state) NOT IN
       ('draft registered', 'registered collecting', 'collecting paused', 'paused collecting',
        'collecting closed', 'paused closed', 'closed archived') THEN
        RAISE EXCEPTION 'a study does not move from % to %', OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.state = 'collecting' AND OLD.state = 'registered'
       AND NOT EXISTS (SELECT FROM study_registration WHERE study_id = NEW.id) THEN
        RAISE EXCEPTION 'a study collects only after it was registered' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.state <> 'draft' AND (NEW.slug, NEW.mode, NEW.draft, NEW.source_text, NEW.created_at)
       IS DISTINCT FROM (OLD.slug, OLD.mode, OLD.draft, OLD.source_text, OLD.created_at) THEN
        RAISE EXCEPTION 'study % is registered: slug, mode and document stay', OLD.slug
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER heed_no_update BEFORE UPDATE ON study_registration FOR EACH ROW EXECUTE FUNCTION heed_refuse();
CREATE TRIGGER heed_no_update BEFORE UPDATE ON study_auditentry FOR EACH ROW EXECUTE FUNCTION heed_refuse();
CREATE TRIGGER heed_no_update BEFORE UPDATE ON study_slotreturn FOR EACH ROW EXECUTE FUNCTION heed_refuse();
CREATE TRIGGER heed_tombstone BEFORE UPDATE ON study_submission FOR EACH ROW EXECUTE FUNCTION heed_submission_update();
CREATE TRIGGER heed_tombstone BEFORE UPDATE ON study_traceevent FOR EACH ROW EXECUTE FUNCTION heed_traceevent_update();
CREATE TRIGGER heed_schedule BEFORE UPDATE ON study_slot FOR EACH ROW EXECUTE FUNCTION heed_slot_update();
CREATE TRIGGER heed_states BEFORE INSERT OR UPDATE ON study_study FOR EACH ROW EXECUTE FUNCTION heed_study_write();

CREATE TRIGGER heed_no_delete BEFORE DELETE ON study_registration FOR EACH ROW EXECUTE FUNCTION heed_refuse();
CREATE TRIGGER heed_no_delete BEFORE DELETE ON study_auditentry FOR EACH ROW EXECUTE FUNCTION heed_refuse();
CREATE TRIGGER heed_no_delete BEFORE DELETE ON study_slotreturn FOR EACH ROW EXECUTE FUNCTION heed_refuse();
CREATE TRIGGER heed_no_delete BEFORE DELETE ON study_submission FOR EACH ROW EXECUTE FUNCTION heed_refuse();
CREATE TRIGGER heed_no_delete BEFORE DELETE ON study_traceevent FOR EACH ROW EXECUTE FUNCTION heed_refuse();
CREATE TRIGGER heed_no_delete BEFORE DELETE ON study_slot FOR EACH ROW EXECUTE FUNCTION heed_refuse();

CREATE TRIGGER heed_no_truncate BEFORE TRUNCATE ON study_registration FOR EACH STATEMENT EXECUTE FUNCTION heed_refuse();
CREATE TRIGGER heed_no_truncate BEFORE TRUNCATE ON study_auditentry FOR EACH STATEMENT EXECUTE FUNCTION heed_refuse();
CREATE TRIGGER heed_no_truncate BEFORE TRUNCATE ON study_slotreturn FOR EACH STATEMENT EXECUTE FUNCTION heed_refuse();
CREATE TRIGGER heed_no_truncate BEFORE TRUNCATE ON study_submission FOR EACH STATEMENT EXECUTE FUNCTION heed_refuse();
CREATE TRIGGER heed_no_truncate BEFORE TRUNCATE ON study_traceevent FOR EACH STATEMENT EXECUTE FUNCTION heed_refuse();
CREATE TRIGGER heed_no_truncate BEFORE TRUNCATE ON study_slot FOR EACH STATEMENT EXECUTE FUNCTION heed_refuse();
