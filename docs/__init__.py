"""The site: pages, and the program that builds them (`python -m docs.build`)."""
