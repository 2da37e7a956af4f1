"""The site is built and opened, page by page, in a browser: `pytest --site`."""
