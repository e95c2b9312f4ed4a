"""How many bytes of KV cache a sequence takes: the size of every prefill to decode transfer."""

from disagg.catalog.models import Attention, Layers, Model
from disagg.units import Bytes


def _bytes_per_layer_token(model: Model) -> int:
    # Why: latent attention stores one vector a token, not a K and a V.
    latent = any(run.attention is Attention.LATENT for run in model.layers)
    vectors = 1 if latent else 2
    return vectors * model.kv_heads * model.head_dim * model.kv_bytes_per_element


def _kept(run: Layers, tokens: int, *, hybrid: bool) -> int:
    if hybrid and run.window_tokens is not None:
        return min(tokens, run.window_tokens)
    return tokens


def kv_bytes_per_token(model: Model, *, hybrid: bool) -> int:
    """Return by how much the KV cache of a long sequence grows with each token [B/token].

    Formula: layers x vectors x kv_heads x head_dim x bytes_per_element, with two vectors (K and
    V), or one for latent attention, whose head_dim is the compressed width.

    Args:
        model: Geometry of the model.
        hybrid: True when vLLM's hybrid KV cache manager is on: sliding layers keep only their
            window and stop growing. False: every layer keeps the whole context.

    Source:
        vLLM v1/kv_cache_interface.py, page size of full, sliding and MLA attention.

    Example:
        >>> from disagg.catalog.models import MODELS
        >>> kv_bytes_per_token(MODELS["openai/gpt-oss-120b"], hybrid=False) // 1024
        72
        >>> kv_bytes_per_token(MODELS["openai/gpt-oss-120b"], hybrid=True) // 1024
        36
    """
    growing = sum(
        run.count for run in model.layers if not (hybrid and run.window_tokens is not None)
    )
    return growing * _bytes_per_layer_token(model)


def kv_bytes(model: Model, tokens: int, *, hybrid: bool) -> Bytes:
    """Return the KV cache of one sequence [B], windows of sliding layers included.

    Args:
        model: Geometry of the model.
        tokens: Length of the sequence [tokens].
        hybrid: See `kv_bytes_per_token`.

    Raises:
        ValueError: `tokens` is negative.

    Source:
        As `kv_bytes_per_token`; a sliding layer keeps min(tokens, window). vLLM stores whole
        blocks, so the memory taken is up to one block a layer more than this.

    Example:
        >>> from disagg.catalog.models import MODELS
        >>> kv_bytes(MODELS["openai/gpt-oss-120b"], 1024, hybrid=True) / 2**20
        40.5
    """
    if tokens < 0:
        raise ValueError(f"tokens must not be negative, got {tokens}")
    kept = sum(run.count * _kept(run, tokens, hybrid=hybrid) for run in model.layers)
    return Bytes(kept * _bytes_per_layer_token(model))
