"""Tests of `transit.dispatch`."""
