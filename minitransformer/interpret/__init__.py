"""Looking inside a model: which tokens it read, which tokens mattered, which heads it needs.

The functions take a model and a cache, or only a cache, and store nothing. They leave the model and
its gradients unchanged. Their results are on the host.

None of these methods gives an explanation. Attention shows where information was read from, not how
it was used. A gradient shows the effect of changing a word slightly, not of leaving it out.
Integrated gradients show how a change adds up along one path out of many. Ablating a head shows
what this model loses without it, not what the head is for. The methods often agree. If they do not,
look closer. See Jain and Wallace 2019, "Attention is not explanation"; Adebayo et al. 2018, "Sanity
checks for saliency maps".
"""

from minitransformer.interpret.ablation import ablated, head_ablation
from minitransformer.interpret.attention import (
    attention_maps,
    attention_received,
    attention_rollout,
)
from minitransformer.interpret.gradients import (
    IntegratedGradients,
    gradient_x_input,
    integrated_gradients,
    lead,
)

__all__ = [
    "IntegratedGradients",
    "ablated",
    "attention_maps",
    "attention_received",
    "attention_rollout",
    "gradient_x_input",
    "head_ablation",
    "integrated_gradients",
    "lead",
]
