#!/usr/bin/env python3
"""Whole conversations as ids: Jinja2 renders the model's own template, llama.cpp's tokenizer cuts the text.

usage: make_chat_goldens.py SMOLLM2.gguf QWEN2.gguf > chat_goldens.jsonl
Each line: {"model", "add_generation_prompt", "messages", "ids"}. No text here holds a control token, so that parsing the
whole text (which llama.cpp does, and bitworth must not) gives what was meant.
"""
import itertools, json, sys
import gguf
sys.path.append("../chat_templates")
from make_jinja_cases import ENV
from make_goldens import ids
import xllamacpp

TEXTS = ["Hi", "", " ", "\n", "\n\n  indented", "trailing  \n", "naïve café 日本語 😀", "it's 12345", "def f(x):\n\treturn x\n", "'s", "a\n", "{{ x }}",
         "<|im_end", "|im_end|>", "< |im_start|>", "system\nYou are", "1", "\r\n", "\u3000x", "😀"]
SHAPES = [["user"], ["system", "user"], ["user", "assistant", "user"], ["system", "user", "assistant", "user", "assistant"], ["assistant", "user"]]


def main():
    texts = itertools.cycle(TEXTS)
    for name, path in (("smollm", sys.argv[1]), ("qwen2", sys.argv[2])):
        template = ENV.from_string(gguf.GGUFReader(path).fields["tokenizer.chat_template"].contents())
        params = xllamacpp.CommonParams()
        params.model.path, params.n_ctx, params.n_parallel, params.warmup = path, 256, 1, False
        server = xllamacpp.Server(params)
        for n in range(12):
            for shape in SHAPES:
                messages = [{"role": role, "content": next(texts)} for role in shape]
                next(texts) if n % 2 else None
                text = template.render(messages=messages, add_generation_prompt=n % 3 != 0, bos_token="", eos_token="")
                print(json.dumps({"model": name, "add_generation_prompt": n % 3 != 0, "messages": messages,
                                  "ids": ids(server, text, True)}, separators=(",", ":")))
        del server


if __name__ == "__main__":
    main()
