"""Rounds of probes, append-only as the other records are."""

import django.db.models.deletion
from django.db import migrations, models

TRIGGERS = {"heed_no_update": "UPDATE", "heed_no_delete": "DELETE", "heed_no_truncate": "TRUNCATE"}
FORWARD = "\n".join(
    f"CREATE TRIGGER {name} BEFORE {event} ON study_proberound"
    f" FOR EACH {'STATEMENT' if event == 'TRUNCATE' else 'ROW'} EXECUTE FUNCTION heed_refuse();"
    for name, event in TRIGGERS.items()
)
BACKWARD = "\n".join(f"DROP TRIGGER {name} ON study_proberound;" for name in TRIGGERS)


class Migration(migrations.Migration):
    dependencies = [("study", "0008_panel_power_curve")]

    operations = [
        migrations.CreateModel(
            name="ProbeRound",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField(help_text="1, 2, 3 … within the study")),
                (
                    "reference",
                    models.PositiveIntegerField(
                        help_text="number of the round it was compared with; its own for the reference itself",
                        null=True,
                    ),
                ),
                ("asked_at", models.DateTimeField()),
                ("concluded_at", models.DateTimeField()),
                ("answers", models.JSONField()),
                (
                    "distance",
                    models.FloatField(
                        help_text="largest cosine distance of a question's answers, 0 to 2", null=True
                    ),
                ),
                (
                    "same_share",
                    models.FloatField(
                        help_text="share of labels that are the reference's, 0 to 1", null=True
                    ),
                ),
                (
                    "changes",
                    models.JSONField(help_text="sentences: what is beyond the registered tolerance"),
                ),
                (
                    "study",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="probe_rounds",
                        to="study.study",
                    ),
                ),
            ],
            options={
                "ordering": ["study", "number"],
                "constraints": [
                    models.UniqueConstraint(fields=("study", "number"), name="one_probe_round_a_number")
                ],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
