"""Triggers that make the records append-only; `append_only.sql` says what each allows."""

from pathlib import Path

from django.db import migrations

FORWARD = Path(__file__).with_name("append_only.sql").read_text(encoding="utf-8")
TABLES = ["registration", "auditentry", "slotreturn", "submission", "traceevent", "slot", "study"]
TRIGGERS = [
    "heed_no_update",
    "heed_tombstone",
    "heed_schedule",
    "heed_states",
    "heed_no_delete",
    "heed_no_truncate",
]
FUNCTIONS = [
    "heed_refuse",
    "heed_submission_update",
    "heed_traceevent_update",
    "heed_slot_update",
    "heed_study_write",
]
BACKWARD = "\n".join(
    [f"DROP TRIGGER IF EXISTS {trigger} ON study_{table};" for trigger in TRIGGERS for table in TABLES]
    + [f"DROP FUNCTION {name}();" for name in FUNCTIONS]
)


class Migration(migrations.Migration):
    dependencies = [("study", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
