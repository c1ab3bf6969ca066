"""What was done to accounts stays in the log."""

from django.db import migrations

FORWARD = """
CREATE TRIGGER heed_no_update BEFORE UPDATE ON accounts_accountevent FOR EACH ROW EXECUTE FUNCTION heed_refuse();
CREATE TRIGGER heed_no_delete BEFORE DELETE ON accounts_accountevent FOR EACH ROW EXECUTE FUNCTION heed_refuse();
CREATE TRIGGER heed_no_truncate BEFORE TRUNCATE ON accounts_accountevent
    FOR EACH STATEMENT EXECUTE FUNCTION heed_refuse();
"""
BACKWARD = "\n".join(
    f"DROP TRIGGER {name} ON accounts_accountevent;"
    for name in ("heed_no_update", "heed_no_delete", "heed_no_truncate")
)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("study", "0002_append_only")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
