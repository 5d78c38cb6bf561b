"""The road and what moves on it: network, demand, flow model, measurements."""
