"""Folders in Hugging Face's layout: what their models compute, and which folders are refused."""

import json
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from minitransformer import inference
from minitransformer.data import ByteLevelBPE
from minitransformer.models import GPT
from minitransformer.models.pretrained import pretrained
from minitransformer.storage import ArrayFolder

FOLDERS = Path(__file__).parents[1] / "support" / "reference" / "folders"
GREEDY = json.loads((FOLDERS / "greedy.json").read_text("utf-8"))
KINDS = pytest.mark.parametrize("kind", ["gpt2", "llama"])


@pytest.fixture
def gpt2(tmp_path):
    return Path(shutil.copytree(FOLDERS / "gpt2", tmp_path / "gpt2"))


@pytest.fixture
def llama(tmp_path):
    return Path(shutil.copytree(FOLDERS / "llama", tmp_path / "llama"))


def change_config(folder, **changes):
    """Change keys of config.json; ... removes one."""
    config = json.loads((folder / "config.json").read_text()) | changes
    remaining = {key: value for key, value in config.items() if value is not ...}
    (folder / "config.json").write_text(json.dumps(remaining))


def rewrite(folder, change):
    """Save ``change(arrays)`` as the folder's only file of weights."""
    arrays = change({name: np.array(array) for name, array in ArrayFolder(folder).items()})
    (folder / "model.safetensors").unlink(missing_ok=True)
    contiguous = {name: np.array(array, order="C") for name, array in arrays.items()}
    save_file(contiguous, folder / "model.safetensors")


def same_values(model, other):
    return np.array_equal(model.flat.values, other.flat.values)


@KINDS
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_greedy_generation_is_that_of_the_library_token_by_token(kind, dtype):
    model = GPT.from_pretrained(FOLDERS / kind, dtype=dtype)
    expected = [case["tokens"] for case in GREEDY[kind]]
    assert [len(tokens) for tokens in expected] == [100, 100]
    assert all(len(set(tokens)) > 20 for tokens in expected)  # no loops of a few tokens
    assert min(case["lead"] for case in GREEDY[kind]) > 1e-3  # rounding decides nothing
    prompts = [model.tokenizer.encode(case["prompt"]) for case in GREEDY[kind]]
    assert [ids.tolist() for ids in prompts] == [case["ids"] for case in GREEDY[kind]]
    together = inference.generate(model, prompts, max_new_tokens=100, greedy=True)
    assert [tokens.tolist() for tokens in together] == expected
    for prompt, tokens in zip(prompts, expected, strict=True):
        alone = inference.generate(model, [prompt], max_new_tokens=100, greedy=True)
        assert alone[0].tolist() == tokens


@KINDS
def test_what_is_read_is_a_whole_model(kind, tmp_path):
    """It can be trained, saved and loaded like any other."""
    model = GPT.from_pretrained(FOLDERS / kind, dropout=0.0)
    assert model.dtype == np.float32
    assert model.tokenizer.decode(GREEDY[kind][1]["ids"]) == GREEDY[kind][1]["prompt"]
    ids = np.array([GREEDY[kind][0]["tokens"]])
    before = model(ids)
    model.save(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(GPT.load(tmp_path / "model.safetensors")(ids), before)
    model.compile("adam")
    losses = [model.train_on_batch(ids)[0] for _ in range(5)]
    assert losses[-1] < losses[0]


def test_half_precision_is_read_exactly(gpt2, llama):
    """float32 can represent every float16 and bfloat16 number."""
    rewrite(gpt2, lambda arrays: {n: a.astype(np.float16) for n, a in arrays.items()})
    stored = ArrayFolder(gpt2)
    assert {entry.dtype for entry in stored.entries.values()} == {"F16"}
    model = GPT.from_pretrained(gpt2)
    np.testing.assert_array_equal(model.embedding.W.value, stored["transformer.wte.weight"])
    assert model.embedding.W.value.dtype == np.float32
    assert {entry.dtype for entry in ArrayFolder(llama).entries.values()} == {"BF16"}
    q = ArrayFolder(llama)["model.layers.1.self_attn.q_proj.weight"]
    W_qkv = GPT.from_pretrained(llama).blocks[1].attention.W_qkv.value
    np.testing.assert_array_equal(W_qkv[:, :24], q.T)


@pytest.mark.parametrize("key", ["dtype", "torch_dtype"])
def test_float64_stays_float64(gpt2, key):
    rewrite(gpt2, lambda arrays: {n: a.astype(np.float64) + 1e-12 for n, a in arrays.items()})
    change_config(gpt2, dtype=...)
    change_config(gpt2, **{key: "float64"})
    model = GPT.from_pretrained(gpt2)
    assert model.dtype == np.float64
    np.testing.assert_array_equal(
        model.positions.P.value, ArrayFolder(gpt2)["transformer.wpe.weight"]
    )


def test_older_files_of_gpt2(gpt2):
    """No prefix, masks among the weights, and the tied head stored a second time."""
    model = GPT.from_pretrained(gpt2)

    def older(arrays):
        arrays = {name.removeprefix("transformer."): array for name, array in arrays.items()}
        masks = {
            "h.0.attn.bias": np.tri(8, dtype=np.uint8)[None, None],
            "h.1.attn.masked_bias": np.float32([-1e4]),
        }
        return arrays | masks | {"lm_head.weight": arrays["wte.weight"]}

    rewrite(gpt2, older)
    assert same_values(GPT.from_pretrained(gpt2), model)
    rewrite(gpt2, lambda arrays: arrays | {"lm_head.weight": arrays["lm_head.weight"] + 1})
    with pytest.raises(ValueError, match="lm_head.weight differs from wte.weight"):
        GPT.from_pretrained(gpt2)


def test_older_configs_of_llama(llama):
    model = GPT.from_pretrained(llama)
    assert model.settings.rotary_base == 500.0
    change_config(
        llama,
        rope_parameters=...,
        rope_theta=500.0,
        rope_scaling=None,
        head_dim=...,
        torch_dtype="bfloat16",
        dtype=...,
        mlp_bias=...,
    )
    assert GPT.from_pretrained(llama).config == model.config
    change_config(llama, num_key_value_heads=None)
    with pytest.raises(ValueError, match=r"k_proj.weight is BF16 \(8, 24\), expected \(24, 24\)"):
        GPT.from_pretrained(llama)


def test_an_untied_head_and_tied_tables(gpt2, llama):
    head = np.random.default_rng(0).standard_normal((320, 24)).astype(np.float32)
    rewrite(gpt2, lambda arrays: arrays | {"lm_head.weight": head})
    change_config(gpt2, tie_word_embeddings=False)
    np.testing.assert_array_equal(GPT.from_pretrained(gpt2).head.W.value, head.T)
    rewrite(llama, lambda arrays: {n: a for n, a in arrays.items() if n != "lm_head.weight"})
    with pytest.raises(ValueError, match="missing: lm_head.weight"):
        GPT.from_pretrained(llama)
    change_config(llama, tie_word_embeddings=True)
    model = GPT.from_pretrained(llama)
    assert model.head.W is model.embedding.W


@KINDS
def test_a_tied_matrix_may_be_stored_under_the_name_of_the_head_alone(kind, request):
    folder = request.getfixturevalue(kind)
    change_config(folder, tie_word_embeddings=True)
    table = {"gpt2": "transformer.wte.weight", "llama": "model.embed_tokens.weight"}[kind]
    rewrite(folder, lambda arrays: {n: a for n, a in arrays.items() if n != "lm_head.weight"})
    model = GPT.from_pretrained(folder)

    def renamed(arrays):
        return {{table: "lm_head.weight"}.get(n, n): a for n, a in arrays.items()}

    rewrite(folder, renamed)
    assert same_values(GPT.from_pretrained(folder), model)
    rewrite(folder, lambda arrays: {n: a for n, a in arrays.items() if n != "lm_head.weight"})
    with pytest.raises(ValueError, match=f"{kind} does not fit this model: missing: {table}"):
        GPT.from_pretrained(folder)


ODD = [None, True, -1, 10**30, 1.5, "", "\ud800", [], [[]], ["a"], {}, {"content": []}]


def places(value, at=()):
    """The paths of the values in a JSON value; of long objects and lists, the first few."""
    yield at
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, inner in list(items)[:2] if len(at) > 1 else list(items):
        yield from places(inner, (*at, key))


def replaced(value, at, odd):
    if not at:
        return odd
    copied = value.copy()
    copied[at[0]] = replaced(value[at[0]], at[1:], odd)
    return copied


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json", "config.json"])
def test_odd_values_are_read_or_refused_with_the_name_of_the_file(llama, name):
    path = llama / "tokenizer.json"
    content = json.loads(path.read_text("utf-8"))
    content |= {"truncation": {"max_length": 4}, "normalizer": {"type": "NFC"}}
    path.write_text(json.dumps(content))
    settings = {"pad_token": "<|endoftext|>", "add_prefix_space": False, "add_eos_token": False}
    (llama / "tokenizer_config.json").write_text(json.dumps(settings))
    content = json.loads((llama / name).read_text("utf-8"))
    read = {"config.json": lambda: GPT.from_pretrained(llama, tokenizer=False)}
    read = read.get(name, lambda: ByteLevelBPE.from_huggingface(llama))
    read()
    messages = []
    for at in places(content):
        for odd in ODD:
            (llama / name).write_text(json.dumps(replaced(content, at, odd)))
            try:
                read()
            except ValueError as error:
                messages.append(str(error))
    assert len(messages) > 20
    assert [m for m in messages if name not in m and "does not fit this model" not in m] == []


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("tokenizer_config.json", {"pad_token": []}, "config.json: the pad_token .. is not in"),
        ("tokenizer_config.json", {"add_bos_token": {}}, "config.json: add_bos_token = {}, but"),
        ("tokenizer.json", {"added_tokens": 5}, "added_tokens must be a list, got int"),
        ("tokenizer.json", {"pre_tokenizer": [1]}, "pre_tokenizer must be an object, got list"),
        ("tokenizer.json", {"normalizer": {"type": []}}, "normalizer must be one of NFC"),
    ],
)
def test_odd_values_are_named(llama, name, changes, message):
    content = json.loads((llama / name).read_text("utf-8")) | changes
    (llama / name).write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        GPT.from_pretrained(llama)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lm_head.weight": None}, "missing: lm_head.weight"),
        (
            {"model.norm.weight": None, "model.norm.bias": np.ones(24, np.float32)},
            "missing: model.norm.weight; unexpected: model.norm.bias",
        ),
        (
            {"model.layers.2.mlp.up_proj.weight": np.ones((40, 24), np.float32)},
            "unexpected: model.layers.2.mlp.up_proj.weight",
        ),
        ({"score.weight": np.ones((2, 24), np.float32)}, "unexpected: score.weight"),
        (
            {"model.layers.0.mlp.down_proj.weight": np.ones((40, 24), np.float32)},
            r"model.layers.0.mlp.down_proj.weight is F32 \(40, 24\), expected \(24, 40\)",
        ),
        ({"model.norm.weight": np.ones((24, 1), np.float32)}, r"\(24, 1\), expected \(24,\)"),
        (
            {"model.norm.weight": np.ones(24, np.int8)},
            "model.norm.weight must be one of .*, got I8",
        ),
    ],
)
def test_arrays_that_do_not_fit(llama, change, message):
    rewrite(
        llama,
        lambda arrays: {
            name: array for name, array in (arrays | change).items() if array is not None
        },
    )
    with pytest.raises(ValueError, match=message) as info:
        GPT.from_pretrained(llama)
    assert "llama" in str(info.value)


def test_an_error_names_some_of_many_missing_arrays(llama):
    rewrite(llama, lambda arrays: {"other.weight": np.ones(3)})
    with pytest.raises(ValueError, match=r"missing: embed_tokens.weight, .* 9 more; unexp"):
        GPT.from_pretrained(llama)


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("gpt2", "n_layer", 100_000),
        ("gpt2", "n_positions", 10**9),
        ("llama", "vocab_size", 10**9),
        ("gpt2", "n_positions", 10**12),
        ("gpt2", "n_inner", 10**12),
        ("llama", "num_hidden_layers", 10**9),
        ("llama", "max_position_embeddings", 10**12),
        ("llama", "vocab_size", 10**12),
    ],
)
def test_a_size_that_the_weights_cannot_have_is_refused_before_it_is_made(
    kind, key, value, request, monkeypatch
):
    folder = request.getfixturevalue(kind)
    change_config(folder, **{key: value})
    monkeypatch.setattr(pretrained, "names", None)  # nothing that grows with the size may run
    message = f"{key} = {value} does not fit the weights|integer of at most .*{value:,}"
    with pytest.raises(ValueError, match=message):
        GPT.from_pretrained(folder)


def test_tokenizers_that_do_not_fit(llama, gpt2):
    content = json.loads((llama / "tokenizer.json").read_text("utf-8"))
    content["model"]["byte_fallback"] = True
    (llama / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="tokenizer=False leaves it out.*byte_fallback"):
        GPT.from_pretrained(llama)
    model = GPT.from_pretrained(llama, tokenizer=False)
    assert model.tokenizer is None
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (llama / name).unlink()
    assert GPT.from_pretrained(llama).tokenizer is None
    (llama / "tokenizer.model").write_bytes(b"\n\x0e")  # SentencePiece
    with pytest.raises(ValueError, match="the tokenizer cannot be read"):
        GPT.from_pretrained(llama)
    rewrite(
        gpt2,
        lambda arrays: arrays | {"transformer.wte.weight": arrays["transformer.wte.weight"][:319]},
    )
    change_config(gpt2, vocab_size=319)
    with pytest.raises(ValueError, match="the tokenizer has 320 tokens, the model 319"):
        GPT.from_pretrained(gpt2)


def test_a_prompt_begins_with_the_start_token_where_the_tokenizer_says_so(llama):
    model = GPT.from_pretrained(llama)
    plain = model.tokenizer.encode("ab")
    content = json.loads((llama / "tokenizer.json").read_text("utf-8"))
    name = "<|endoftext|>"
    processor = content["post_processor"]
    processor["single"].insert(0, {"SpecialToken": {"id": name, "type_id": 0}})
    processor["special_tokens"] = {name: {"id": name, "ids": [0], "tokens": [name]}}
    (llama / "tokenizer.json").write_text(json.dumps(content))
    tokenizer = GPT.from_pretrained(llama).tokenizer
    assert tokenizer.encode("ab").tolist() == [0, *plain]
    options = {"greedy": True, "max_new_tokens": 20}
    (expected,) = inference.generate(model, [[0, *plain]], **options)
    written = "".join(inference.stream(model, tokenizer, "ab", end_id=None, **options))
    assert written == tokenizer.decode(expected)
    other = inference.stream(model, model.tokenizer, "ab", end_id=None, **options)
    assert written != "".join(other)


def test_options(gpt2):
    assert GPT.from_pretrained(gpt2, dropout=0.25).settings.dropout == 0.25
    assert GPT.from_pretrained(gpt2, attention="tiled", ops="plain").settings.attention == "tiled"
    with pytest.raises(TypeError, match="n_layers: the folder decides this; the options are dtype"):
        GPT.from_pretrained(gpt2, n_layers=1)
    with pytest.raises(ValueError, match="dtype must be one of"):
        GPT.from_pretrained(gpt2, dtype="bfloat16")


def test_absent_files(gpt2, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"config.json"):
        GPT.from_pretrained(tmp_path)
    (gpt2 / "model.safetensors").unlink()
    (gpt2 / "pytorch_model.bin").write_bytes(b"PK")
    with pytest.raises(FileNotFoundError, match="neither model.safetensors nor"):
        GPT.from_pretrained(gpt2)


def test_reading_takes_the_memory_of_a_fresh_model_and_one_array(gpt2):
    change_config(gpt2, n_embd=192, n_inner=None, n_head=4)
    model = GPT.from_pretrained  # the shapes of a wider model
    config = {"vocab_size": 320, "max_len": 150, "d_model": 192, "n_heads": 4, "n_layers": 2}

    def peak(call):
        tracemalloc.start()
        try:
            call()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    fresh = GPT(**config)
    arrays = {}
    for name, array in ArrayFolder(gpt2).items():
        shape = [{24: 192, 72: 576, 40: 768}.get(n, n) for n in array.shape]
        arrays[name] = np.zeros(shape, np.float32)
    rewrite(gpt2, lambda _: arrays)
    largest = max(array.nbytes for array in arrays.values())
    taken = peak(lambda: model(gpt2, tokenizer=False))
    assert taken <= max(peak(lambda: GPT(**config)), fresh.flat.values.nbytes + largest) + 1e5
