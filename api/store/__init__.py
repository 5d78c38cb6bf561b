"""The store behind the service: Redis, and what is kept in it."""
