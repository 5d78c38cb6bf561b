"""Scenario files (TOML), their loader, and the builders of synthetic cities."""
