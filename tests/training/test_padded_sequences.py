"""Arrays that look padded, for models in whose inputs every id is a token."""

import numpy as np
import pytest

from minitransformer import GPT, Transformer, inference

SIZES = {"max_len": 6, "d_model": 4, "n_heads": 2, "d_ff": 4, "n_layers": 1, "seed": 0}
BEFORE = np.array([[0, 0, 3, 4], [1, 2, 3, 4]])
AFTER = np.array([[1, 2, 3, 4], [3, 4, 0, 0]])
PACKED = np.array([[1, 2, 0, 4], [3, 4, 5, 0]])  # a zero between other ids: 0 is a token
ROWS = [[1, 2, 3, 4], [3, 4]]


def language_model():
    model = GPT(vocab_size=8, **SIZES)
    model.compile(workers=1)
    return model


def translator():
    model = Transformer(vocab_size=8, target_vocab_size=8, **SIZES)
    model.compile(start_id=2, end_id=3, workers=1)
    return model


@pytest.mark.parametrize(("x", "row"), [(BEFORE, 0), (AFTER, 1), (AFTER.astype(float), 1)])
def test_padded_arrays_are_refused_by_row(x, row):
    gpt, translating = language_model(), translator()
    for name, use in {
        "x": lambda: gpt.fit(x, verbose=0),
        "source": lambda: translating.fit(x, ROWS, verbose=0),
        "target": lambda: translating.predict((ROWS, x)),
        "prompts": lambda: inference.generate(gpt, x, max_new_tokens=1),
        "sources": lambda: inference.beam_search(
            translating, x, max_new_tokens=1, start_id=2, end_id=3
        ),
    }.items():
        with pytest.raises(ValueError, match=rf"^{name} must not be padded, but {name}\[{row}\] "):
            use()
    for use in (gpt.predict, gpt.evaluate, gpt.train_on_batch):
        with pytest.raises(ValueError, match="^x must not be padded"):
            use(x)
    for model, given in ((gpt, ROWS), (translating, (ROWS, ROWS))):
        with pytest.raises(ValueError, match="without a mask: give a list of id sequences"):
            model.predict(given, mask=[[True] * 4] * 2)


def test_zeros_in_lists_and_in_packed_arrays_are_tokens():
    model = language_model()
    for x in (BEFORE, AFTER, PACKED):
        one_by_one = [model.predict([row.tolist()])[0] for row in x]
        np.testing.assert_array_equal(model.predict(list(x)), one_by_one)
    np.testing.assert_array_equal(model.predict(PACKED), model.predict(PACKED.tolist()))
    assert model.predict(np.zeros((3, 1), int)).shape == (3, 8)


def test_the_way_out_of_the_message_gives_the_tokens():
    model = language_model()
    rows = [row[row != 0] for row in AFTER]
    np.testing.assert_array_equal(model.predict(rows), model.predict(ROWS))
