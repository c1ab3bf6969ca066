"""Drafted cases and decisions about them stay as they were recorded."""

from django.db import migrations

EVENTS = {"update": "EACH ROW", "delete": "EACH ROW", "truncate": "EACH STATEMENT"}
TABLES = ["elicitation_casedraft", "elicitation_casedraftdecision"]
FORWARD = "\n".join(
    f"CREATE TRIGGER heed_no_{event} BEFORE {event.upper()} ON {table} FOR {each} "
    "EXECUTE FUNCTION heed_elicitation_refuse();"
    for table in TABLES
    for event, each in EVENTS.items()
)
BACKWARD = "\n".join(f"DROP TRIGGER heed_no_{event} ON {table};" for table in TABLES for event in EVENTS)


class Migration(migrations.Migration):
    dependencies = [("elicitation", "0009_case_drafts")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
