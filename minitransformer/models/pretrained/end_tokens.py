"""The tokens that end a text, according to a folder in Hugging Face's layout."""

from minitransformer.storage import read_json

FILES = ("generation_config.json", "config.json")
KEY = "eos_token_id"


def read_end_ids(folder, config, vocab_size):
    """The ids of the tokens that end a text, as a tuple; it is empty if the folder names none.

    As in the transformers library, ``generation_config.json`` counts. If it is missing or names no
    end token, ``config.json`` does. Either gives one id or a list of them: Llama 3's chat models
    have three. Ids that the model does not have are left out, because it cannot choose them.

    Parameters
    ----------
    folder : Path
    config : dict
        The parsed ``config.json``.
    vocab_size : int
        Number of ids that the model has.

    Raises
    ------
    ValueError
        If the value is neither an integer nor a list of integers. The message names file and key.
    """
    path = folder / FILES[0]
    contents = [read_json(path) if path.is_file() else {}, config]
    for name, content in zip(FILES, contents, strict=True):
        value = content.get(KEY)
        ids = value if isinstance(value, list) else [] if value is None else [value]
        if any(type(i) is not int for i in ids):
            raise ValueError(
                f"{folder / name}: {KEY} must be an integer or a list of integers, "
                f"got {value!r:.60}"
            )
        if ids:
            return tuple(dict.fromkeys(i for i in ids if 0 <= i < vocab_size))
    return ()
