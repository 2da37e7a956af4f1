"""The speed and memory of training and generation, in this package and in PyTorch.

Every implementation runs in a process of its own. If two libraries start threads in one process,
they compete for the cores, and their times are wrong by a factor of 2 to 5. The processes take
turns, one step each. PyTorch is imported only in `torch_side`, and only in PyTorch's process.
"""
