"""Tiny model: writes a language model of two layers whose tokens are bytes and three words, which it says for ever."""

import sys

import gguf
import numpy as np

SIZE, HEADS, INNER, LAYERS, CONTEXT = 32, 2, 64, 2, 4096
WORDS = ("yes", "no", "word")


def write(path: str) -> None:
    """Write the model's file."""
    kinds = gguf.TokenType
    tokens = [("<unk>", kinds.UNKNOWN), ("<s>", kinds.CONTROL), ("</s>", kinds.CONTROL)]
    tokens += [(f"<0x{byte:02X}>", kinds.BYTE) for byte in range(256)] + [(f"▁{word}", kinds.NORMAL) for word in WORDS]
    file = gguf.GGUFWriter(path, "llama")
    file.add_context_length(CONTEXT)
    file.add_embedding_length(SIZE)
    file.add_block_count(LAYERS)
    file.add_feed_forward_length(INNER)
    file.add_head_count(HEADS)
    file.add_head_count_kv(HEADS)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_rope_dimension_count(SIZE // HEADS)
    file.add_vocab_size(len(tokens))
    file.add_tokenizer_model("llama")
    file.add_token_list([token for token, _ in tokens])
    file.add_token_scores([0.0] * len(tokens))
    file.add_token_types([kind for _, kind in tokens])
    file.add_bos_token_id(1)
    file.add_eos_token_id(2)
    file.add_unk_token_id(0)
    file.add_chat_template("{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:")
    for name, tensor in _tensors(len(tokens)).items():
        file.add_tensor(name, tensor.astype(np.float32))
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


def _tensors(count: int) -> dict[str, np.ndarray]:
    """Return weights: random and small, but for the first and last ones, which make words likely and bytes not."""
    random = np.random.default_rng(7)
    likely = np.where(np.arange(count) >= count - len(WORDS), 3.0, -3.0)[:, None]
    found = {
        "token_embd.weight": 1.0 + random.standard_normal((count, SIZE)) * 0.05,
        "output.weight": likely + random.standard_normal((count, SIZE)) * 0.1,
        "output_norm.weight": np.ones(SIZE),
    }
    for number in range(LAYERS):
        shapes = {f"attn_{name}": (SIZE, SIZE) for name in ("q", "k", "v", "output")}
        shapes |= {"ffn_gate": (INNER, SIZE), "ffn_up": (INNER, SIZE), "ffn_down": (SIZE, INNER)}
        for name, shape in shapes.items():
            found[f"blk.{number}.{name}.weight"] = random.standard_normal(shape) * 0.01
        for name in ("attn_norm", "ffn_norm"):
            found[f"blk.{number}.{name}.weight"] = np.ones(SIZE)
    return found


def serve(path: str) -> None:
    """Serve the model with llama.cpp's server on a free port until killed; the last line printed is its address."""
    import signal

    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx, params.n_parallel, params.cpuparams.n_threads, params.warmup = CONTEXT, 1, 1, False
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    signal.pause()


if __name__ == "__main__":
    write(sys.argv[1])
    serve(sys.argv[1])
