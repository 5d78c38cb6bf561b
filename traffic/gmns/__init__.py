"""Networks and demand in the General Modeling Network Specification (GMNS), a table a CSV file."""
