"""Text generation with the decoder, token by token."""

import torch

from minitransformer.bench.torch_side.gpt import GPT
from minitransformer.bench.torch_side.training import TorchSteps
from minitransformer.bench.workloads.generation import prompts


class GenerationSteps(TorchSteps):
    """Generation steps: prompts are continued greedily, always with the most probable token."""

    def __init__(self, case, device, compiled):
        super().__init__(GPT, case, device, compiled)
        self.model.eval()
        self.case, self.extend = case, self.compiled(self.model.extend)
        self.prompts = [self.tensor(prompt) for prompt in prompts(case)]
        self.cache = self.model.cache(case.prompt + case.written - 1)

    @torch.inference_mode()
    def step(self, number):
        """Continue prompt `number`; returns the generated tokens, an int array (written,)."""
        ids = self.prompts[number % len(self.prompts)][None]
        written = torch.empty(self.case.written, dtype=torch.int64, device=self.device)
        start = 0
        for i in range(self.case.written):
            logits = self.extend(ids, self.cache, start)
            start += ids.shape[1]
            written[i] = logits[0].argmax()
            ids = written[None, i : i + 1]
        return written.cpu().numpy()
