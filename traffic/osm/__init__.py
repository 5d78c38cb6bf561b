"""From OpenStreetMap to a road network.

In: `read` (files; the only importer of osmium) and `download` (a place by name; the only importer of osmnx) fill the
`extract`; `tags` says what the tags of a way mean, `overrides` puts in the engineer's word.

Through: `build` runs the stages and lists them in order. `roads`, `streets`, `reach` and `signals` find what is there;
`consolidate` gathers it into junctions, with `evidence`, `facing`, `channels` and `union` to its aid, and `beside` takes in
signals that stand off the road; `links`, `lanes`, `turns` and `junctions` make the network's parts of it.

Out: a `RoadNetwork` with its `places`, and the report of `quality`.
"""
