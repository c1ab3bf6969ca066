from django.db import migrations, models


class Migration(migrations.Migration):
    """An index on what every page changes made each update of a session touch all its indexes."""

    dependencies = [
        ('study', '0005_panel_simulation'),
    ]

    operations = [
        migrations.RemoveIndex(model_name='session', name='open_sessions'),
        migrations.AddIndex(
            model_name='session',
            index=models.Index(condition=models.Q(('outcome', '')), fields=['study'], name='sessions_under_way'),
        ),
        migrations.RunSQL('ALTER TABLE study_session SET (fillfactor = 70)', 'ALTER TABLE study_session RESET (fillfactor)'),
    ]
