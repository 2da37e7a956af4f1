"""Text out of the decoder, token by token."""

import torch

from minitransformer.bench.torch_side.gpt import GPT
from minitransformer.bench.torch_side.training import Steps
from minitransformer.bench.workloads.generation import prompts


class GenerationSteps(Steps):
    """Texts that are gone on with, always by the most probable token."""

    def __init__(self, case, device, compiled):
        super().__init__(GPT, case, device, compiled)
        self.model.eval()
        self.case, self.extend = case, self.compiled(self.model.extend)
        self.prompts = [self.tensor(prompt) for prompt in prompts(case)]
        self.cache = self.model.cache(case.prompt + case.written - 1)

    @torch.inference_mode()
    def step(self, number):
        """The tokens that follow a prompt, (written,) int array."""
        ids = self.prompts[number % len(self.prompts)][None]
        written = torch.empty(self.case.written, dtype=torch.int64, device=self.device)
        start = 0
        for place in range(self.case.written):
            logits = self.extend(ids, self.cache, start)
            start += ids.shape[1]
            written[place] = logits[0].argmax()
            ids = written[None, place : place + 1]
        return written.cpu().numpy()
