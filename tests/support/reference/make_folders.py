"""Make small folders as the transformers library writes them, and what it generates from them.

Run from the root of the repository, with PyTorch and transformers installed::

    python -m tests.support.reference.make_folders

It writes ``folders/gpt2`` (one file of float32, ``vocab.json`` and ``merges.txt``),
``folders/llama`` (several files of bfloat16 with an index, ``tokenizer.json``), and
``folders/greedy.json``: prompts, their ids, and the hundred tokens that the library's greedy search
writes behind each. The tests read these and need neither library.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import tokenizers
import torch
import transformers
from tokenizers import decoders, models, pre_tokenizers, trainers

from minitransformer.data.tokenizers.bpe.pieces import PATTERNS

FOLDER = Path(__file__).parent / "folders"
END, N_TOKENS, LENGTH = "<|endoftext|>", 320, 150
PROMPTS = ["The transformer writes", "Naïve café, 2026: you'll see\n\n  😀 it"]
TEXT = [
    "The transformer writes one token after another, and each of them sees those before it.",
    "You'll see that it's the same in every language: naïve cafés, 1234 of them, and 56 more!",
    "  two spaces,\n\nnew lines\tand a tab; they're tokens as well, as the others are.",
]
GPT2 = {"n_positions": LENGTH, "n_embd": 24, "n_head": 3, "n_layer": 2, "n_inner": 40}
LLAMA = {
    "max_position_embeddings": LENGTH, "hidden_size": 24, "num_attention_heads": 6,
    "num_key_value_heads": 2, "num_hidden_layers": 2, "intermediate_size": 40,
    "rms_norm_eps": 1e-5, "rope_parameters": {"rope_type": "default", "rope_theta": 500.0},
    "tie_word_embeddings": False,
}  # fmt: skip


def make_tokenizer(pattern):
    """Byte-level BPE, trained by the library; "gpt2" splits in its own way, others by a pattern."""
    tokenizer = tokenizers.Tokenizer(models.BPE())
    if pattern == "gpt2":
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(tokenizers.Regex(PATTERNS[pattern]), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=N_TOKENS,
        special_tokens=[END],
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(TEXT, trainer)
    return tokenizer


def make_model(model, seed, std):
    """Draw weights that lead somewhere: those of a fresh model repeat one token for ever."""
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.from_numpy(rng.standard_normal(tuple(parameter.shape)))
            parameter.copy_(noise * std if parameter.ndim > 1 else parameter + noise * 0.2)
    return model


def generate(folder, tokenizer):
    """Ids of the prompts and what the library writes, in float32, with the smallest lead."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.generation_config.eos_token_id = None
    found = []
    for prompt in PROMPTS:
        ids = tokenizer.encode(prompt).ids
        out = model.generate(
            torch.tensor([ids]),
            do_sample=False,
            max_new_tokens=100,
            pad_token_id=0,
            return_dict_in_generate=True,
            output_logits=True,
        )
        best = torch.stack(out.logits)[:, 0].topk(2).values
        tokens = out.sequences[0, len(ids) :].tolist()
        found.append(
            {
                "prompt": prompt,
                "ids": ids,
                "tokens": tokens,
                "lead": float((best[:, 0] - best[:, 1]).min()),
            }
        )
        print(
            f"{folder.name}: {len(set(tokens))} different tokens, "
            f"smallest lead {found[-1]['lead']:.1e}: {tokenizer.decode(tokens)!r:.60}"
        )
    return found


def make_gpt2(folder):
    tokenizer = make_tokenizer("gpt2")
    config = transformers.GPT2Config(vocab_size=N_TOKENS, bos_token_id=0, eos_token_id=0, **GPT2)
    make_model(transformers.GPT2LMHeadModel(config), 1, 0.5).save_pretrained(folder)
    tokenizer.model.save(str(folder))
    return tokenizer


def make_llama(folder):
    tokenizer = make_tokenizer("llama3")
    config = transformers.LlamaConfig(vocab_size=N_TOKENS, bos_token_id=0, eos_token_id=0, **LLAMA)
    model = make_model(transformers.LlamaForCausalLM(config), 2, 0.5).to(torch.bfloat16)
    model.save_pretrained(folder, max_shard_size="20KB")
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=END, eos_token=END
    ).save_pretrained(folder)
    return tokenizer


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    greedy = {}
    for name, make in (("gpt2", make_gpt2), ("llama", make_llama)):
        (FOLDER / name).mkdir(parents=True)
        greedy[name] = generate(FOLDER / name, make(FOLDER / name))
    (FOLDER / "greedy.json").write_text(json.dumps(greedy, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
