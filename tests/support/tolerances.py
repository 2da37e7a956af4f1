"""Every numeric tolerance of the tests, and the worst case that was measured.

A tolerance of more than a hundred times the measured worst case is an error too, so each row has
both numbers: ``NAME: (tolerance, measured worst)``.
"""

TOLERANCES = {
    # float64; relative difference of each of fifty losses between 1, 2 and 3 workers
    "fifty losses, 1 to 3 workers": (5e-14, 9e-16),
    # float64; relative difference of each loss between 1, 2, 3 and 5 workers; five models
    "20 losses of generative models, any number of workers": (3e-14, 3.4e-16),
    # float64; loss and gradient of a step from micro-batches against one padded batch, relative
    "micro-batches vs batch": (1e-14, 2.2e-15),
    # float64; 40 steps of every optimiser, relative to max(1, |value|)
    "optimizer vs scalar loop": (1e-13, 1.4e-14),
    # every pair, element by element, relative to max(1, |value|)
    "forward vs scalar loops, float64": (1e-13, 1.5e-15),
    # the same in float32; worst: qkv_projection
    "forward vs scalar loops, float32": (2e-6, 7.8e-7),
    # every faster function, values and gradients, relative to the largest; worst: layer_norm
    "fused vs plain, float64": (5e-14, 7.2e-16),
    # the same in float32
    "fused vs plain, float32": (1e-5, 6.3e-7),
    # logits and gradients of small GPTs, fused against plain and tiled against full, float64
    "fused vs plain, whole GPT": (1e-13, 7.7e-15),
    # float64, logits of every GPT and Transformer variant, relative to max(1, the largest)
    "decoding vs the full forward pass": (1e-13, 4.9e-15),
    # sinusoidal table, 1,000 positions, absolute
    "positions vs scalar loops": (2e-15, 2.3e-16),
    # 64 features, distances from -6 to 99, moved by up to 1900 positions, absolute
    "scores at equal distance": (1e-11, 2e-13),
    # rotary positions, float64, absolute
    "rotary forward and back": (1e-13, 2.7e-15),
    # 1,000 positions, absolute; the last place of a power of the base, times the position
    "rotary tables vs scalar loops": (1e-12, 2.9e-14),
    # slopes of 1 to 19 heads times distances, relative to max(1, |bias|)
    "ALiBi vs scalar loops": (2e-14, 4.9e-16),
    # float16, float32 and float64, against math.exp rounded to the dtype, 30,001 points, in ulp
    "SiLU in ulp": (4, 3),
    # float64 and float32, against math.erf rounded to the dtype, 60,012 points, in ulp
    "erf in ulp": (2, 2),
    # whole model, padded batch against single texts, relative to max(1, |logit|)
    "classifier vs scalar loops, float64": (1e-13, 2e-15),
    # the same in float32
    "classifier vs scalar loops, float32": (2e-6, 6.9e-7),
    # relative to the largest rate; rounding of central differences with a step of 1e-5
    "gradient x input vs central differences": (1e-8, 1.7e-10),
    # stored cases, element by element, relative to max(1, |value|); worst: attention
    "pair values vs PyTorch, float64": (3e-14, 6.1e-16),
    # the same in float32; worst: qkv_projection
    "pair values vs PyTorch, float32": (2e-6, 2.6e-7),
    # stored cases; worst: layer_norm at D = 1, where the true gradient is 0
    "pair gradients vs PyTorch, float64": (1e-12, 3.9e-14),
    # the same in float32
    "pair gradients vs PyTorch, float32": (2e-6, 6e-7),
    # six whole classifiers
    "logits vs PyTorch, float64": (5e-14, 7.8e-16),
    # the same in float32
    "logits vs PyTorch, float32": (2e-6, 5.7e-7),
    # six whole classifiers, every parameter, relative to max(1, |gradient|)
    "classifier gradients vs PyTorch, float64": (2e-13, 3e-15),
    # the same in float32
    "classifier gradients vs PyTorch, float32": (2e-6, 8.5e-7),
    # float64, relative error of every loss
    "100 Adam steps vs PyTorch": (3e-13, 3.6e-15),
    # 5 epochs of a toy classifier in mixed precision, against single precision, relative
    "losses in mixed precision": (1e-2, 1.9e-3),
    # one step of it without dropout, relative to the largest gradient
    "gradients in mixed precision": (4e-3, 8.6e-4),
    # float64, 40 random shapes per pair; worst: layer_norm at D = 1, PyTorch's rounding
    "live pairs vs PyTorch": (5e-12, 2.3e-13),
    # float64, values and gradients of six wider classifiers
    "live classifier vs PyTorch": (5e-13, 1.1e-14),
    # float64, three micro-batches with trimmed padding, relative to the largest gradient
    "micro-batches": (1e-14, 1.9e-16),
    # float64, relative to the largest value: a text alone, or the table's gradient
    "alone vs in a batch": (3e-14, 1.6e-15),
    # float64, relative to the largest value
    "permuted tokens": (3e-14, 4.3e-16),
    # float64, values and gradients, relative to the largest
    "cross-attention to oneself": (5e-15, 1e-16),
    # against extended precision, 64 rows of 128 features with standard deviation 1
    "layer norm at offset 1e5, float32": (2e-6, 6.4e-7),
    # the same in float64
    "layer norm at offset 1e5, float64": (1e-14, 1e-15),
    # rows of features up to 1e38, against extended precision; of 1 / deviation, relative
    "norms of large features, float32": (2e-6, 3.1e-7),
    # the same up to 1e200 in float64
    "norms of large features, float64": (5e-15, 3.1e-16),
    # the ledger: float64, max|a - n| / max(max|n|, natural scale); 21,000 shapes
    "pair gradients vs complex step": (1e-14, 1.4e-15),
    # the same; rounding of the differences
    "pair gradients vs central differences": (1e-10, 2.2e-12),
    # the ledger's layers and classifiers
    "network gradients vs complex step": (1e-13, 3.7e-15),
    # the same
    "network gradients vs central differences": (1e-10, 4.7e-12),
    # every pair with column-major arrays and arrays with gaps, absolute and relative
    "another memory layout": (5e-14, 1.8e-15),
    # float64, absolute, where no fraction is above 1; 30 models
    "attention received": (1e-14, 2.2e-16),
    # float64, absolute, where no fraction is above 1; classifier, GPT and Transformer
    "rollout vs a loop": (1e-14, 2.2e-16),
    # float64, logits of small models of every kind, absolute
    "ablation vs zeroed weights": (5e-13, 8.9e-15),
    # float64, 128 Gauss-Legendre nodes, absolute; leads of about 1
    "completeness of integrated gradients": (1e-12, 2e-14),
    # float32, all models of the benchmark, relative to max(1, |logit|); worst: encoder-decoder
    "bench: logits vs PyTorch": (2e-5, 2.5e-6),
    # float32, eight steps of each model without dropout, relative
    "bench: losses vs PyTorch": (5e-6, 2.3e-7),
    # values and gradients, 62 inputs of the pair, relative to max(1, the largest value)
    "tiled vs full attention, float64": (5e-14, 9.9e-16),
    # the same in float32
    "tiled vs full attention, float32": (2e-5, 9.8e-7),
    # the same in float16, where the rounding of O and of logsumexp makes the difference
    "tiled vs full attention, float16": (2e-2, 3e-3),
    # the same at scores near 300, which leave fewer digits to the logsumexp
    "tiled vs full attention, large scores, float32": (1e-4, 1.1e-5),
    # the same in float16; without the division by the row's sum it is 0.07
    "tiled vs full attention, large scores, float16": (2e-2, 5.1e-3),
    # float64, logits and gradients of four classifiers, relative to max(1, the largest)
    "tiled vs full classifier": (5e-14, 6.2e-16),
    # float64, parameters after two epochs, tiled or full, 1 or 2 workers; Adam divides rounding
    # by rounding where the true gradient is 0 (the bias of the keys)
    "tiled vs full training": (1e-9, 2.8e-11),
    # float64, seven whole models, relative to max(1, |logit|)
    "models: logits vs PyTorch": (5e-13, 6.8e-15),
    # the same, every parameter
    "models: gradients vs PyTorch": (1e-13, 1.9e-15),
    # the same, every weight afterwards; Adam divides rounding by rounding where the true gradient
    # is 0 (the bias of the keys), without which it is 1.3e-15
    "models: 50 AdamW steps vs PyTorch": (1e-9, 9.8e-11),
    # the same, relative error of every loss
    "models: 50 losses vs PyTorch": (1e-13, 1.3e-15),
    # logits of Llama and Marian where the library computes norms and tables in float32
    "models: norms and tables in float32": (1e-5, 1.3e-6),
    # float64, seven wider models, as above
    "live models: logits vs PyTorch": (5e-13, 1.1e-14),
    "live models: gradients vs PyTorch": (2e-13, 4.1e-15),
    "live models: losses vs PyTorch": (5e-14, 6.7e-16),
}


NOT_MEASURED = {
    # every pair on a real GPU, relative to the largest value; not measured yet
    "GPU vs NumPy, float64": 1e-12,
    "GPU vs NumPy, float32": 1e-5,
}
"""Tolerances whose worst case has not been measured yet. Once measured, they move up."""


def tolerance(name: str) -> float:
    """The tolerance registered under `name`."""
    return NOT_MEASURED[name] if name in NOT_MEASURED else TOLERANCES[name][0]


def markdown() -> str:
    """The table shown in docs/numerics.md."""
    lines = ["| what is compared | tolerance | measured worst |", "|---|---|---|"]
    lines += [f"| {name} | {limit:g} | {worst:g} |" for name, (limit, worst)
              in sorted(TOLERANCES.items())]  # fmt: skip
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown())
