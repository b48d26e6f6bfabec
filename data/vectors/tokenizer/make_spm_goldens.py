#!/usr/bin/env python3
"""Token ids of SentencePiece vocabularies by two outside tokenizers, and a small vocabulary with unused pieces.

usage: make_spm_goldens.py GEMMA3.gguf WIKITEXT.raw     (wheels xllamacpp, sentencepiece, protobuf, gguf)
Writes spm_goldens.jsonl: {"text", NAME: {"text": ids, "parse": ids}} by llama.cpp for llama-spm, phi-3, gemma3;
"parse" is left out where it equals "text". Where the vocabulary declares </s> a plain token that is matched whole,
llama.cpp makes it a control token by its looks; such texts have no "text" there. llama-spm's "text" was checked to be
what SentencePiece gives for the same vocabulary.
Writes spm_small.json: {"pieces": [[piece, score, type]], "cases": [[text, ids]]} by SentencePiece.
"""
import ctypes as C, json, os, random, sys
import gguf, sentencepiece, xllamacpp
from sentencepiece import sentencepiece_model_pb2 as pb
import make_goldens

L = C.CDLL([p for p in (os.path.join(os.path.dirname(xllamacpp.__file__), f) for f in os.listdir(os.path.dirname(xllamacpp.__file__)))
            if p.endswith(".so")][0])
VOCAB_ONLY = 72  # offset of llama_model_params.vocab_only in wheel 2026.10.11549


class Params(C.Structure):
    _fields_ = [("bytes", C.c_uint8 * 1024)]


L.llama_model_default_params.restype = Params
L.llama_model_load_from_file.restype, L.llama_model_load_from_file.argtypes = C.c_void_p, [C.c_char_p, Params]
L.llama_model_get_vocab.restype, L.llama_model_get_vocab.argtypes = C.c_void_p, [C.c_void_p]
L.llama_tokenize.argtypes = [C.c_void_p, C.c_char_p, C.c_int32, C.POINTER(C.c_int32), C.c_int32, C.c_bool, C.c_bool]


def llama_cpp(path):
    params = L.llama_model_default_params()
    params.bytes[VOCAB_ONLY] = 1
    vocab = L.llama_model_get_vocab(L.llama_model_load_from_file(path.encode(), params))

    def ids(text, parse):
        raw = text.encode()
        room = (C.c_int32 * (len(raw) + 16))()
        return list(room[:L.llama_tokenize(vocab, raw, len(raw), room, len(room), False, parse)])
    return ids


def sentence_piece(pieces, unk, bos, eos, prefix):
    m = pb.ModelProto()
    for piece, score, kind in pieces:
        p = m.pieces.add()
        p.piece, p.score, p.type = piece, score, kind
    t, n = m.trainer_spec, m.normalizer_spec
    t.model_type, t.byte_fallback, t.vocab_size = 2, True, len(pieces)
    t.unk_id, t.bos_id, t.eos_id = unk, bos, eos
    n.name, n.add_dummy_prefix, n.remove_extra_whitespaces, n.escape_whitespaces = "identity", prefix, False, True
    out = sentencepiece.SentencePieceProcessor()
    out.LoadFromSerializedProto(m.SerializeToString())
    return out.encode


def texts(wikitext):
    rng = random.Random(9)
    out = [t for _, t in make_goldens.texts(wikitext)]
    out += ["<s>", "</s>", "a<s>b", "<unk>", "<0x0A>", "<0xE6>", "<s", "▁", "a▁b", "▁▁", " ▁", "<|user|>\n hi<|end|>\n<|assistant|>\n",
            "<|user|> \t\n x", "<|user|>\u00a0x", "<|user|>\u3000x", "<|user|>\x0b\x0c\rx", "<|end|>\n\n<|user|>", "<bos>",
            "<start_of_turn>user\nHi<end_of_turn>\n", "<unused7>", "[multimodal]", "  \n\n   x\n\n\n\ty", " " * 31, " " * 32, "\n" * 31, "\n" * 33,
            "\n" * 70 + "a", " " * 100 + "\n" * 100 + " x", "<eos><pad>a", "<|endoftext|>  a", "<|system|>\nS<|end|>\n<|user|>\nQ<|end|>\n<|assistant|>\n",
            "[PAD32011] x", "</s>  y </s>\nz", "[INST] a [/INST] b</s><s>[INST] c [/INST]"]
    parts = [" ", "  ", "\n", "\n\n", "a", "the", " The", "<s>", "</s>", "▁", "é", "日", "😀", "<|end|>", "<|user|>", "<end_of_turn>", "\t", "0x",
             "<", "s>", "<0x0A>", "ing", "12", ".", "<h1>", "</h1>", "<unk>", "<pad>"]
    return out + ["".join(rng.choice(parts) for _ in range(rng.randint(1, 14))) for _ in range(400)]


def small():
    """A vocabulary with unused pieces among its merges, equal scores, and letters of which <s> and <0x0A> are written."""
    rng = random.Random(3)
    pieces = [["<unk>", 0.0, 2], ["<s>", 0.0, 3], ["</s>", 0.0, 3]] + [[f"<0x{b:02X}>", 0.0, 6] for b in range(256)]
    texts = ["▁", "a", "b", "c", "<", "s", ">", "é", "0"]
    kinds = {t: 1 for t in texts}
    while len(texts) < 70:
        t = rng.choice(texts[:20]) + rng.choice(texts[:9])
        if len(t) <= 4 and t not in kinds and t not in ("<s>", "</s>"):
            kinds[t] = 5 if rng.random() < .3 else 1
            texts.append(t)
    pieces += [[t, float(-rng.randint(1, 40)), kinds[t]] for t in texts]
    encode = sentence_piece(pieces, 0, 1, 2, True)
    cases = ["".join(rng.choice([" ", "a", "b", "c", "<s>", "é", "d", "日", "<0x0A>", "ab", "ca"]) for _ in range(rng.randint(1, 30))) for _ in range(300)]
    return {"pieces": pieces, "cases": [[t, encode(t)] for t in cases]}


def main():
    rows = [{"text": t} for t in texts(sys.argv[2])]
    for name, path in (("llama-spm", "ggml-vocab-llama-spm.gguf"), ("phi-3", "ggml-vocab-phi-3.gguf"), ("gemma3", sys.argv[1])):
        ids, keys = llama_cpp(path), gguf.GGUFReader(path).fields
        piece, score, kind = (keys["tokenizer.ggml." + k].contents() for k in ("tokens", "scores", "token_type"))
        end_is_plain = kind[piece.index("</s>")] == 4
        other = sentence_piece(list(zip(piece, score, kind)), 0, 1, 2, True) if name == "llama-spm" else None
        for row in rows:
            text, parse = ids(row["text"], False), ids(row["text"], True)
            if other and "\0" not in row["text"]:
                assert other(row["text"]) == text, row["text"]
            row[name] = {} if end_is_plain and "</s>" in row["text"] else {"text": text}
            if row[name].get("text") != parse:
                row[name]["parse"] = parse
    with open("spm_goldens.jsonl", "w") as f:
        for row in rows:
            f.write(json.dumps(row, separators=(",", ":")) + "\n")
    with open("spm_small.json", "w") as f:
        json.dump(small(), f, separators=(",", ":"))


if __name__ == "__main__":
    main()
