"""Simulated participants whose values are known, and how well the votes give them back."""
