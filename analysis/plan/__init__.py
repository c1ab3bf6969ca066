"""The registered plan: its typed form and the program that runs it."""
