"""Parses the command line, calls the api, hands the report to a view."""
