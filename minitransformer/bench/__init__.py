"""How fast training and generation are, and how much memory they need: ours and PyTorch's.

Every implementation runs in a process of its own. Two libraries that each start threads in one
process compete for the cores, and their times are then wrong by a factor of 2 to 5. The processes
take turns, one step each. PyTorch is imported only in `torch_side`, and only in PyTorch's process.
"""
