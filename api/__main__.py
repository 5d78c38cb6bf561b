"""`python -m api` is the `jasyl` command."""

from api.cli import main

main()
