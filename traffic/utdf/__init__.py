"""Synchro's Universal Traffic Data Format (UTDF), version 8, as one CSV file."""
