"""Timetables in the General Transit Feed Specification (GTFS).

`source` opens a folder or zip file, `tables` reads its files into columns with lines, `values` reads their values. `places`,
`services`, `trips`, `times` and `frequencies` make the parts of a timetable, `distances` puts stops on shapes, and `read` calls
them in order. What is wrong goes into the `problem_list`.
"""

from transit.gtfs.read import GtfsFeed, read_gtfs

__all__ = ["GtfsFeed", "read_gtfs"]
