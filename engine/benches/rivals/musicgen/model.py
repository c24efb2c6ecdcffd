"""The model that every rival runs: the language model of MusicGen-small with random weights.

The shape is that of facebook/musicgen-small's config.json; the weights come from a fixed seed, so
that all rivals hold the same ones. Nothing is downloaded and nothing is written.
"""

import torch
from transformers import DynamicCache, EncoderDecoderCache, MusicgenForCausalLM
from transformers.models.musicgen.configuration_musicgen import MusicgenDecoderConfig

import shape

CONFIG = MusicgenDecoderConfig(
    vocab_size=shape.CODES,
    max_position_embeddings=2048,
    num_hidden_layers=shape.LAYERS,
    ffn_dim=4096,
    num_attention_heads=shape.HEADS,
    hidden_size=shape.WIDTH,
    activation_function="gelu",
    num_codebooks=shape.CODEBOOKS,
    audio_channels=1,
    scale_embedding=False,
    pad_token_id=shape.CODES,
    bos_token_id=shape.CODES,
    tie_word_embeddings=False,
)


def random_decoder(dtype: torch.dtype = torch.float32) -> MusicgenForCausalLM:
    """Makes the model, one tensor at a time: no more is in memory than its weights."""
    with torch.device("meta"):
        decoder = MusicgenForCausalLM(CONFIG)
    decoder.to_empty(device="cpu").to(dtype)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, weights in decoder.named_parameters():
            if "layer_norm" in name:
                weights.fill_(1.0 if name.endswith("weight") else 0.0)
            else:
                values = torch.empty(weights.shape).uniform_(-0.035, 0.035, generator=generator)
                weights.copy_(values)
    positions = decoder.model.decoder.embed_positions
    positions.make_weights(positions.num_positions, positions.embedding_dim)
    return decoder.eval()


def tokens() -> torch.Tensor:
    """The tokens of one step, the same in both rows: [rows * codebooks, 1]."""
    return (torch.arange(shape.CODEBOOKS) * 331 % shape.CODES).repeat(shape.ROWS)[:, None]


def text_states(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """What the text encoder says of a prompt, and zeros for the row without one."""
    generator = torch.Generator().manual_seed(2)
    states = torch.empty(1, shape.TEXT_TOKENS, shape.WIDTH).normal_(generator=generator)
    return torch.cat([states, torch.zeros_like(states)]).to(dtype)


def text_mask() -> torch.Tensor:
    """Ones for the tokens of the prompt, zeros in the row without one."""
    return torch.tensor([[1], [0]]).expand(shape.ROWS, shape.TEXT_TOKENS)


def past(dtype: torch.dtype = torch.float32) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Keys and values of the steps before, for each layer: [rows, heads, steps, width]."""
    generator = torch.Generator().manual_seed(3)
    sides = (shape.ROWS, shape.HEADS, shape.CONTEXT_STEPS, shape.HEAD_WIDTH)

    def values() -> torch.Tensor:
        return torch.empty(sides).normal_(generator=generator).to(dtype)

    return [(values(), values()) for _ in range(shape.LAYERS)]


def cache(dtype: torch.dtype = torch.float32) -> EncoderDecoderCache:
    """The cache of transformers after those steps."""
    steps = DynamicCache(config=CONFIG)
    for layer, (keys, values) in enumerate(past(dtype)):
        steps.update(keys, values, layer)
    return EncoderDecoderCache(steps, DynamicCache(config=CONFIG))
