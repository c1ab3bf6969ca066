"""The only door to a language model: gateway, call records, budgets, streams, and a model for rehearsals."""
