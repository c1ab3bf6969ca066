"""Tidy tables and the CONSORT flow of a study. `tidy(study)` is the door."""
