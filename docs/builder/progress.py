"""How far a build is: a line for each group of pages that has been read, and for each stage."""


def say(words):
    """Print a line now, also into a file or a pipe."""
    print(words, flush=True)


def setup(app):
    """Sphinx's entry."""
    read = []

    def begin(app, env, docnames):
        say(f"reading {len(docnames)} pages...")

    def merged(app, env, docnames, other):
        read.extend(docnames)
        say(f"  read {len(read)} of {len(env.found_docs)}")

    app.connect("env-before-read-docs", begin)
    app.connect("env-merge-info", merged)
    app.connect("env-check-consistency", lambda app, env: say("writing the pages..."))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
