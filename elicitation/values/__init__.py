"""Values cards: what a card is, when two of them say the same, and which canonical value each belongs to."""
