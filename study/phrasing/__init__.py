"""Phrased answers: drafted by the model, checked, approved by people, and only then put into a study's document."""
