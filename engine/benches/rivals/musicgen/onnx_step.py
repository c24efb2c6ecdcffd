"""Writes one step of the decoder as ONNX files: 32 bits, 8 bits and 4 bits.

    python onnx_step.py FOLDER

The graph is leaner than the usual export of a whole model. The text's keys and values are inputs,
made once a prompt; query, key and value are one product, and so are the four heads; the keys and
values of the steps before are inputs that are never copied, and only those of the new step come
out. What it computes is checked against transformers.
"""

import logging
import sys
from pathlib import Path

import onnx
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from torch import nn

import model
import shape

FILES = {"f32": "step-f32.onnx", "int8": "step-int8.onnx", "int4": "step-int4.onnx"}
INPUTS = ["tokens", "position"] + [
    f"{name}_{layer}"
    for name in ("past_keys", "past_values", "text_keys", "text_values")
    for layer in range(shape.LAYERS)
]
OUTPUTS = ["logits"] + [
    f"{name}_{layer}" for name in ("keys", "values") for layer in range(shape.LAYERS)
]


class Layer(nn.Module):
    """One layer; products are `x @ weights`, as ONNX Runtime's quantised ones want them."""

    def __init__(self, layer: nn.Module):
        super().__init__()
        own, text = layer.self_attn, layer.encoder_attn
        projections = [own.q_proj, own.k_proj, own.v_proj]
        self.query_key_value = transposed(torch.cat([p.weight for p in projections]))
        self.own_out = transposed(own.out_proj.weight)
        self.text_query = transposed(text.q_proj.weight)
        self.text_out = transposed(text.out_proj.weight)
        self.widen = transposed(layer.fc1.weight)
        self.narrow = transposed(layer.fc2.weight)
        self.own_norm = layer.self_attn_layer_norm
        self.text_norm = layer.encoder_attn_layer_norm
        self.final_norm = layer.final_layer_norm

    def forward(self, x, past_keys, past_values, text_keys, text_values):
        """x: [rows, 1, width]; keys: [rows, heads, width, steps]; values: […, steps, width]."""
        scale = shape.HEAD_WIDTH**-0.5
        query, key, value = (self.own_norm(x) @ self.query_key_value).split(shape.WIDTH, dim=-1)
        query, key, value = heads(query) * scale, heads(key), heads(value)
        before = query @ past_keys
        now = (query * key).sum(-1, keepdim=True)
        weights = torch.softmax(torch.cat([before, now], dim=-1), dim=-1)
        mixed = weights[..., :-1] @ past_values + weights[..., -1:] * value
        x = x + mixed.reshape(x.shape) @ self.own_out
        query = heads(self.text_norm(x) @ self.text_query) * scale
        mixed = torch.softmax(query @ text_keys, dim=-1) @ text_values
        x = x + mixed.reshape(x.shape) @ self.text_out
        wide = nn.functional.gelu(self.final_norm(x) @ self.widen)
        return x + wide @ self.narrow, key, value


class Step(nn.Module):
    """One step of the decoder that transformers has."""

    def __init__(self, decoder: nn.Module):
        super().__init__()
        inner = decoder.model.decoder
        self.embeddings = nn.Parameter(torch.cat([table.weight for table in inner.embed_tokens]))
        self.positions = nn.Parameter(inner.embed_positions.weights)
        self.layers = nn.ModuleList(Layer(layer) for layer in inner.layers)
        self.norm = inner.layer_norm
        self.heads = transposed(torch.cat([head.weight for head in decoder.lm_heads]))
        offsets = torch.arange(shape.CODEBOOKS) * inner.embed_tokens[0].num_embeddings
        self.register_buffer("offsets", offsets)

    def forward(self, tokens, position, past_keys, past_values, text_keys, text_values):
        """tokens: [rows, codebooks]; position: [1]. Logits: [rows, 1, codebooks * codes]."""
        x = self.embeddings[tokens + self.offsets].sum(1, keepdim=True)
        x = x + self.positions[position]
        keys, values = [], []
        for layer, *states in zip(self.layers, past_keys, past_values, text_keys, text_values):
            x, key, value = layer(x, *states)
            keys.append(key)
            values.append(value)
        return self.norm(x) @ self.heads, keys, values


def transposed(weights: torch.Tensor) -> nn.Parameter:
    return nn.Parameter(weights.detach().t().contiguous())


def heads(x: torch.Tensor) -> torch.Tensor:
    """[rows, 1, width] -> [rows, heads, 1, width of a head]."""
    return x.reshape(x.shape[0], shape.HEADS, 1, shape.HEAD_WIDTH)


def inputs(decoder: nn.Module) -> tuple:
    """What a step is given, as `Step` takes it."""
    past = model.past()
    states = model.text_states()
    text_keys, text_values = [], []
    for layer in decoder.model.decoder.layers:
        for projection, kept in (
            (layer.encoder_attn.k_proj, text_keys),
            (layer.encoder_attn.v_proj, text_values),
        ):
            split = projection(states).view(*states.shape[:2], shape.HEADS, shape.HEAD_WIDTH)
            kept.append(split.transpose(1, 2).contiguous())
    return (
        model.tokens().view(shape.ROWS, shape.CODEBOOKS),
        torch.tensor([shape.CONTEXT_STEPS]),
        [keys.transpose(2, 3).contiguous() for keys, _ in past],
        [values for _, values in past],
        [keys.transpose(2, 3).contiguous() for keys in text_keys],
        text_values,
    )


def flat(given: tuple) -> dict:
    """The same by the names of the graph's inputs."""
    tensors = list(given[:2]) + [tensor for group in given[2:] for tensor in group]
    return {name: tensor.numpy() for name, tensor in zip(INPUTS, tensors)}


def export(folder: Path) -> None:
    """Writes the three files."""
    decoder = model.random_decoder()
    with torch.inference_mode():
        expected = decoder(
            input_ids=model.tokens(),
            encoder_hidden_states=model.text_states(),
            encoder_attention_mask=model.text_mask(),
            past_key_values=model.cache(),
        ).logits
    with torch.no_grad():
        step, given = Step(decoder).eval(), inputs(decoder)
    del decoder
    steps = torch.export.Dim("steps", min=2, max=2047)
    torch.onnx.export(
        step,
        given,
        folder / FILES["f32"],
        input_names=INPUTS,
        output_names=OUTPUTS,
        dynamic_shapes=(
            None,
            None,
            [{3: steps}] * shape.LAYERS,
            [{2: steps}] * shape.LAYERS,
            [None] * shape.LAYERS,
            [None] * shape.LAYERS,
        ),
        dynamo=True,
        external_data=True,
        verbose=False,
    )
    del step
    quantize_dynamic(
        folder / FILES["f32"],
        folder / FILES["int8"],
        op_types_to_quantize=["MatMul"],
        weight_type=QuantType.QInt8,
    )
    logging.disable(logging.INFO)
    # Blocks of 32 weights with one scale; level 4 lets the product run on 8-bit integers.
    four_bits = MatMulNBitsQuantizer(
        onnx.load(folder / FILES["f32"]),
        bits=4,
        block_size=32,
        is_symmetric=True,
        accuracy_level=4,
    )
    four_bits.process()
    four_bits.model.save_model_to_file(str(folder / FILES["int4"]), use_external_data_format=False)
    del four_bits
    for name, file in FILES.items():
        session = onnxruntime.InferenceSession(folder / file)
        logits = torch.from_numpy(session.run(["logits"], flat(given))[0])
        cosine = torch.cosine_similarity(logits.flatten(), expected.flatten(), dim=0)
        size = sum(path.stat().st_size for path in folder.glob(f"{file}*")) >> 20
        print(f"{file}: {size} MiB, cosine of the logits to transformers' in f32 {cosine:.5f}")


if __name__ == "__main__":
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    export(out)
