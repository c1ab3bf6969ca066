"""The researcher's panel: pages for the work itself, each behind one question of access."""
