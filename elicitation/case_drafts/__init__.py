"""Cases that the model drafts before registration: a question that somebody puts to an AI, with the contexts it plays
in. Only what a person approved gets into the draft protocol."""
