"""The review desk in the panel: proposed upgrades and merges of values, looked at and decided about by people."""
