#!/usr/bin/env python3
"""Where the regexes that models publish in tokenizer.json cut texts, by Hugging Face's tokenizers (0.23.3).

usage: make_pretokenizer_goldens.py WIKITEXT.raw > pretokenizer_goldens.jsonl
Each line: {"text", NAME: lengths of the pieces in bytes of UTF-8}.
"""
import json, sys
from tokenizers import Regex, pre_tokenizers
import make_goldens

TAIL = r"\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
END = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"


def cased(digits, end):
    lead = r"[^\r\n\p{L}\p{N}]?"
    return lead + UPPER + "*" + LOWER + "+" + end + "|" + lead + UPPER + "+" + LOWER + "*" + end + "|" + digits + r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + TAIL


STAGES = {
    "qwen35": [END + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + TAIL],
    "tekken": [cased(r"\p{N}", "")],
    "gpt-4o": [cased(r"\p{N}{1,3}", END + "?")],
    "deepseek-v3": [r"\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+",
                    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|" + TAIL],
}


def main():
    cutters = {name: pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r), "isolated") for r in stages]) for name, stages in STAGES.items()}
    for group, text in make_goldens.texts(sys.argv[1]):
        if group in ("bytes", "control", "random_unicode") or not text:  # random: newest letters differ between Unicode versions
            continue
        row = {"text": text}
        for name, cutter in cutters.items():
            row[name] = [len(piece.encode()) for piece, _ in cutter.pre_tokenize_str(text)]
        print(json.dumps(row, separators=(",", ":")))


if __name__ == "__main__":
    main()
