"""Running the registered plan on a study's tables, keeping the results, and the report."""
