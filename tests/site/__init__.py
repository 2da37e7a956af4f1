"""The site, built and opened page by page in a browser: `pytest --site`."""
