"""PostgreSQL and Valkey from wheels, run by us in a folder of the project: nothing to install or configure."""
