"""The bundled film reviews: a grammar writes them, and a few are written by hand."""
