"""The checker names the faults of most wrong backward passes in three sets of seventy."""

import pytest

from minitransformer import gradcheck
from tests.support.wrong_backwards import fourth_set, names, second_set, third_set

TERM = "a term of the derivative is missing (product or chain rule)"
# a part of what the checker says; the other cases are checked by hand
NAMED = {
    "gelu_tanh_inner_cubic_dropped": f"{TERM}: 0.05352 * x^3",
    "sigmoid_output_formula_on_input": "but the backward pass computes x * (1 - x)",
    "softplus_beta_forgotten": "computes sigmoid(x), which is not the derivative",
    "relu_guided": "negative upstream gradients are set to 0",
    "power_log_of_exponent": "the factor log(x) / log(p) is missing",
    "softmax_middle_sums_last_axis": "sums (or averages) over axis 2 instead of axis 1",
    "softmax_unweighted_sum": "softmax's sum term",
    "log_softmax_assumes_upstream_sums_to_one": "a term is added that is not multiplied by dy",
    "logsumexp_as_max": "goes to the largest entry alone",
    "masked_softmax_mask_forgotten": "the backward pass forgets the mask",
    "layer_norm_gamma_outside_the_means": "right only at gamma = 1",
    "layer_norm_unbiased_in_backward": "divided by n - 1 instead of n",
    "rms_norm_centred_like_layer_norm": "the mean term is missing or wrong",
    "batch_norm_statistics_constant": "the statistics are treated as constants",
    "sequence_batch_norm_divides_by_batch_only": "is 4 times the right one",
    "group_norm_means_over_all_groups": "a whole axis instead of a group",
    "group_norm_gamma_channels_interleaved": "interleaved along axis 0",
    "standard_deviation_as_variance": "2 * the standard deviation of x over axis 1 too much",
    "linear_weight_overwritten_in_loop": "only dy[-1] is used",
    "chain_order_exchanged": "b and c are exchanged",
    "tanh_mlp_derivative_at_the_output": "(1 - tanh(tanh(x @ w1))^2) / (1 - tanh(x @ w1)^2)",
    "tied_autoencoder_decoder_only": "that reaches w through x @ w is missing",
    "residual_block_skip_forgotten": "the residual (skip) path is lost",
    "prenorm_block_weight_sees_unnormalised": "gamma) @ w, x is used in place of",
    "swiglu_up_misses_activation": "a factor 1 / sigmoid((x @ wg)) too much",
    "glu_halves_exchanged": "the two halves are exchanged",
    "embed_repeats_lost": "repeated in ids",
    "embed_fortran_order": "a reshape where a transpose is needed",
    "token_and_position_first_sequence": "only dy[0] is used",
    "rotary_rotates_forward_again": "the transpose is missing",
    "rotary_positions_from_zero": "belong to place t -2",
    "rotary_interleaved_pairs": "halves and neighbours confused",
    "attention_scale_missing_for_queries": "a factor sqrt(D = 3",
    "attention_values_weights_not_transposed": "the transpose is missing",
    "attention_sum_over_queries": "mixes entries along axis 1",
    "padded_attention_first_mask_for_all": "the first mask along axis 0 is used for all",
    "self_attention_only_query_path": "the sum term over axis 1 is missing",
    "self_attention_key_and_value_swapped": "this is the gradient of wv",
    "multi_head_reshape_without_transpose": "a reshape where a transpose is needed",
    "grouped_summed_as_if_tiled": "repeat and tile confused",
    "grouped_first_head_only": "only dy[:, [0, 2]] is used",
    "biased_attention_bias_scaled": "0.5 times the right one",
    "dropped_attention_softmax_of_dropped": "values after keep (such as dropped weights)",
    "mean_pool_padding_receives_gradient": "the gradient must be 0 at x at [0, 4, 0]",
    "two_dropouts_same_mask": "keep2 is used in the backward pass in place of the mask keep1",
    "cumulative_exclusive": "own place is left out",
    "token_shift_same_direction": "the transpose is missing",
    "conv_kernel_reversed_for_input": "w is reversed along axis 0",
    "rnn_current_state_for_previous": "in place of that of the previous one",
    "lstm_cell_gate_order": "the parts (of 4) 2 and 3 along axis 1 are exchanged",
    "cycle_axes_same_permutation": "the transpose is missing",
    "prefix_tokens_taken_from_the_end": "shifted by -2 along axis 1",
    "cross_entropy_divides_by_all": "entries of targets that are not negative (ignored)",
    "cross_entropy_upstream_ignored": "the upstream gradient is ignored",
    "smoothed_cross_entropy_hard_targets": "label smoothing",
    "next_token_loss_not_shifted": "ids is shifted along axis 1",
    "kl_divergence_teacher_detached": "the gradient is 0 everywhere",
    "bce_sigmoid_twice": "sigmoid(logits) is used",
    "huber_delta_missing": "wrong where |(pred - target)| > 0.6: there it is 1.667 times",
    "mse_target_same_sign": "the sign is wrong",
}
CASES = [case for case in second_set.CASES if case.name in NAMED]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_fault_of_the_second_set_is_named(case):
    report = gradcheck.check(case.forward, case.backward, case.inputs, analytic=case.analytic)
    assert NAMED[case.name] in " ".join(report.diagnosis.values()), case.truth


FURTHER = [
    pytest.param(case, named.get(case.name, ""), id=case.name)
    for cases, named in ((third_set.CASES, names.THIRD), (fourth_set.CASES, names.FOURTH))
    for case in cases
]


@pytest.mark.parametrize(("case", "named"), FURTHER)
def test_no_further_wrong_backward_pass_passes_and_most_are_named(case, named):
    report = gradcheck.check(case.forward, case.backward, case.inputs, diagnose=bool(named))
    assert not report.ok
    assert named in " ".join(report.diagnosis.values()), case.truth


def test_nineteen_in_twenty_further_faults_are_named():
    assert len(names.THIRD) + len(names.FOURTH) >= 0.95 * len(FURTHER)
