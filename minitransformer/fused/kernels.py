"""CUDA sources of the fused kernels, as text. They are compiled when first used.

REAL is float or double. If a kernel works on rows, each block computes one row.
"""

PRELUDE = r"""
typedef long long i64;
#define NEGATIVE_INFINITY (-(REAL)1.0 / (REAL)0.0)
#define FOR_EACH(i, n) for (i64 i = threadIdx.x; i < (n); i += blockDim.x)
#define INDEX ((i64)blockIdx.x * blockDim.x + threadIdx.x)

// The sum (or maximum) of `value` over the block's threads, of which there are 256.
template <bool MAXIMUM> __device__ REAL over_block(REAL value) {
    __shared__ REAL shared[256];
    shared[threadIdx.x] = value;
    __syncthreads();
    for (int half = 128; half > 0; half /= 2) {
        if (threadIdx.x < half) {
            REAL a = shared[threadIdx.x], b = shared[threadIdx.x + half];
            shared[threadIdx.x] = MAXIMUM ? (a > b ? a : b) : a + b;
        }
        __syncthreads();
    }
    REAL result = shared[0];
    __syncthreads();
    return result;
}
"""

SOURCES = {
    # y = softmax(scale * x) where the mask is True; a row that is masked everywhere gives 0
    "masked_softmax": r"""
extern "C" __global__ void masked_softmax(
    const REAL* x, const bool* mask, int has_mask, REAL scale, REAL* y, i64 S) {
    x += blockIdx.x * S; y += blockIdx.x * S; mask += has_mask ? blockIdx.x * S : 0;
    REAL largest = NEGATIVE_INFINITY;
    FOR_EACH(j, S) if (!has_mask || mask[j]) largest = max(largest, scale * x[j]);
    largest = over_block<true>(largest);
    if (largest == NEGATIVE_INFINITY) largest = 0;
    REAL total = 0;
    FOR_EACH(j, S) {
        y[j] = !has_mask || mask[j] ? exp(scale * x[j] - largest) : (REAL)0;
        total += y[j];
    }
    total = over_block<false>(total);
    FOR_EACH(j, S) y[j] = total == 0 ? (REAL)0 : y[j] / total;  // NaN stays NaN
}
""",
    # the mean is subtracted twice: see functional.layer_norm
    "layer_norm": r"""
extern "C" __global__ void layer_norm(
    const REAL* x, const REAL* gamma, const REAL* beta, REAL eps,
    REAL* y, REAL* xhat, REAL* rstd, i64 D) {
    x += blockIdx.x * D; y += blockIdx.x * D; xhat += blockIdx.x * D;
    REAL sum = 0, rest = 0, squares = 0;
    FOR_EACH(i, D) sum += x[i];
    REAL mean = over_block<false>(sum) / D;
    FOR_EACH(i, D) rest += x[i] - mean;
    REAL correction = over_block<false>(rest) / D;
    FOR_EACH(i, D) { REAL d = x[i] - mean - correction; squares += d * d; }
    REAL r = 1 / sqrt(over_block<false>(squares) / D + eps);
    if (threadIdx.x == 0) rstd[blockIdx.x] = r;
    FOR_EACH(i, D) {
        xhat[i] = (x[i] - mean - correction) * r;
        y[i] = gamma[i] * xhat[i] + beta[i];
    }
}
""",
    "layer_norm_backward": r"""
extern "C" __global__ void layer_norm_backward(
    const REAL* dy, const REAL* xhat, const REAL* rstd, const REAL* gamma, REAL* dx, i64 D) {
    dy += blockIdx.x * D; xhat += blockIdx.x * D; dx += blockIdx.x * D;
    REAL sum = 0, products = 0;
    FOR_EACH(i, D) { REAL d = dy[i] * gamma[i]; sum += d; products += d * xhat[i]; }
    sum = over_block<false>(sum) / D;
    products = over_block<false>(products) / D;
    FOR_EACH(i, D) dx[i] = (dy[i] * gamma[i] - sum - xhat[i] * products) * rstd[blockIdx.x];
}
""",
    "gelu": r"""
extern "C" __global__ void gelu(const REAL* x, REAL* y, int tanh_form, i64 n) {
    i64 i = INDEX;
    if (i >= n) return;
    REAL v = x[i], u = v < -30 ? (REAL)-30 : v > 30 ? (REAL)30 : v;
    REAL f = tanh_form ? tanh((REAL)0.7978845608028654 * (u + (REAL)0.044715 * u * u * u))
                       : erf(u * (REAL)0.7071067811865476);
    y[i] = (REAL)0.5 * v * (1 + f);
}
""",
    "gelu_backward": r"""
extern "C" __global__ void gelu_backward(
    const REAL* dy, const REAL* x, REAL* dx, int tanh_form, i64 n) {
    i64 i = INDEX;
    if (i >= n) return;
    const REAL scale = (REAL)0.7978845608028654, cubic = (REAL)0.044715;
    REAL v = x[i] < -30 ? (REAL)-30 : x[i] > 30 ? (REAL)30 : x[i], slope;
    if (tanh_form) {
        REAL t = tanh(scale * (v + cubic * v * v * v));
        REAL du = scale * (1 + 3 * cubic * v * v);
        slope = (REAL)0.5 * (1 + t) + (REAL)0.5 * v * (1 - t * t) * du;
    } else {
        REAL phi = exp((REAL)-0.5 * v * v) * (REAL)0.3989422804014327;
        slope = (REAL)0.5 * (1 + erf(v * (REAL)0.7071067811865476)) + v * phi;
    }
    dx[i] = dy[i] * slope;
}
""",
    # per row: -log p of the target, and p; the loss is 0 for a target of -1, and NaN for one out of
    # range
    "cross_entropy": r"""
extern "C" __global__ void cross_entropy(
    const REAL* logits, const i64* targets, REAL* losses, REAL* p, i64 C) {
    logits += blockIdx.x * C; p += blockIdx.x * C;
    REAL largest = NEGATIVE_INFINITY, total = 0;
    FOR_EACH(c, C) largest = max(largest, logits[c]);
    largest = over_block<true>(largest);
    if (largest == NEGATIVE_INFINITY) largest = 0;
    FOR_EACH(c, C) total += exp(logits[c] - largest);
    total = over_block<false>(total);
    if (total == 0) total = 1;
    FOR_EACH(c, C) p[c] = exp(logits[c] - largest) / total;
    if (threadIdx.x > 0) return;
    i64 target = targets[blockIdx.x];
    losses[blockIdx.x] = target < 0 ? (REAL)0
        : target < C ? log(total) - (logits[target] - largest) : 0 * NEGATIVE_INFINITY;
}
""",
    # 16 random bits per entry: the entry is kept if they reach the threshold
    "dropout_mask": r"""
extern "C" __global__ void dropout_mask(
    const unsigned short* lanes, int threshold, REAL scale, REAL* keep, i64 n) {
    i64 i = INDEX;
    if (i < n) keep[i] = lanes[i] >= threshold ? scale : (REAL)0;
}
""",
    # one block per table row; `order` sorts the ids, starts and ends delimit the run of each id
    "embedding_gradient": r"""
extern "C" __global__ void embedding_gradient(
    const REAL* dy, const i64* order, const i64* starts, const i64* ends, REAL* dW, i64 D) {
    i64 row = blockIdx.x;
    FOR_EACH(d, D) {
        REAL sum = 0;
        for (i64 k = starts[row]; k < ends[row]; k++) sum += dy[order[k] * D + d];
        dW[row * D + d] = sum;
    }
}
""",
    "adam": r"""
extern "C" __global__ void adam(
    REAL* theta, const REAL* g, REAL* m, REAL* v, REAL rest1, REAL beta2, REAL rest2,
    REAL eps, REAL rate, REAL root, i64 n) {
    i64 i = INDEX;
    if (i >= n) return;
    m[i] += rest1 * (g[i] - m[i]);
    v[i] = beta2 * v[i] + rest2 * g[i] * g[i];
    theta[i] -= rate * (m[i] / (sqrt(v[i]) / root + eps));
}
""",
}

REALS = {"f": "float", "d": "double"}


def source(name, dtype_char):
    """The whole CUDA source of a kernel, for dtype "f" or "d"."""
    return f"#define REAL {REALS[dtype_char]}\n{PRELUDE}{SOURCES[name]}"
