"""The explorer: a closed study's moral graph as a picture, as tables that say the same, and as files."""
