"""A finished study as something a stranger can check: bundle, verifier, forms, notebooks."""
