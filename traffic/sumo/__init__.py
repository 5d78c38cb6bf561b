"""SUMO's files, read and written as tables and text; nothing here runs SUMO."""
