"""Votes as a table: raw, in the words of the library, and under any version of the mapping of values."""
