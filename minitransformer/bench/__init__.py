"""How fast training and generation are, and what memory they take: ours, and PyTorch's.

Every implementation runs in a process of its own, because two libraries with threads of their own
in one process fight over the cores and are wrong by 2 to 5 times. The processes take turns, one
step each. PyTorch is imported in `torch_side` alone, and that only in PyTorch's process.
"""
