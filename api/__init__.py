"""Every way in and out: command line, reports, service."""
