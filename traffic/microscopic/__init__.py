"""Every vehicle by itself: car following, lanes, gaps and signals, one second a step."""
