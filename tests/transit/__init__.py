"""Tests of `transit`."""
