"""Tests of proposed upgrades."""
