"""Looking inside: which tokens a model read, which of them counted, which heads it needs.

Functions that take a model and a cache, or a cache alone, and own nothing: the model is as it was
afterwards, its gradients too. What they return lies on the host.

None of them is an explanation. Attention says where information was fetched from, not what was
made of it. A gradient says what a small change of a word would do, not what leaving it out would.
Integrated gradients say how a change adds up along one path out of many. Leaving out a head says
what this model loses, not what the head is for. They often agree, and where they do not it is
worth looking closer: Jain and Wallace 2019, "Attention is not explanation"; Adebayo et al. 2018,
"Sanity checks for saliency maps".
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
