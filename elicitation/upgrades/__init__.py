"""Upgrades that the model proposes: pairs of near values in a context, their stories both ways, a check, and a person's
decision. Only what a person approved is ever shown to a participant."""
