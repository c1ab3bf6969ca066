"""Triggers that make an elicitation's records append-only; `append_only.sql` says what each allows."""

from pathlib import Path

from django.db import migrations

FORWARD = Path(__file__).with_name("append_only.sql").read_text(encoding="utf-8")
TABLES = ["card", "vote", "draw", "upgrade", "mappingdecision"]
TRIGGERS = ["heed_tombstone", "heed_no_update", "heed_no_delete", "heed_no_truncate"]
FUNCTIONS = ["heed_elicitation_refuse", "heed_card_update", "heed_vote_update"]
BACKWARD = "\n".join(
    [f"DROP TRIGGER IF EXISTS {trigger} ON elicitation_{table};" for trigger in TRIGGERS for table in TABLES]
    + [f"DROP FUNCTION {name}();" for name in FUNCTIONS]
)


class Migration(migrations.Migration):
    dependencies = [("elicitation", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
