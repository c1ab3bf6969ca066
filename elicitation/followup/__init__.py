"""The follow-up: whoever agreed is shown, when the study is over, what became of their card and its place."""
