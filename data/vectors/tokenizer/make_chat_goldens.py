#!/usr/bin/env python3
"""Whole conversations as ids: Jinja2 renders the model's own template, llama.cpp's tokenizer cuts the text.

usage: make_chat_goldens.py SMOLLM2.gguf QWEN2.gguf GEMMA3.gguf > chat_goldens.jsonl
Phi-3's template is its vocabulary's; Gemma 3's base model has none and takes own-turns-with-parts.jinja.
Each line: {"model", "add_generation_prompt", "messages", "ids"}. No text here holds a control token, so that parsing the
whole text (which llama.cpp does, and bitworth must not) gives what was meant.
"""
import itertools, json, sys
import gguf
sys.path.append("../chat_templates")
from make_jinja_cases import ENV
from make_goldens import ids
from make_spm_goldens import llama_cpp
import xllamacpp

TEXTS = ["Hi", "", " ", "\n", "\n\n  indented", "trailing  \n", "naïve café 日本語 😀", "it's 12345", "def f(x):\n\treturn x\n", "'s", "a\n", "{{ x }}",
         "<|im_end", "|im_end|>", "< |im_start|>", "system\nYou are", "1", "\r\n", "\u3000x", "😀"]
SHAPES = [["user"], ["system", "user"], ["user", "assistant", "user"], ["system", "user", "assistant", "user", "assistant"], ["assistant", "user"]]


texts = itertools.cycle(TEXTS)


def rows(name, template, bos, tokenize, shapes=SHAPES):
    for n in range(12):
        for shape in shapes:
            messages = [{"role": role, "content": next(texts)} for role in shape]
            next(texts) if n % 2 else None
            text = template.render(messages=messages, add_generation_prompt=n % 3 != 0, bos_token=bos, eos_token="")
            print(json.dumps({"model": name, "add_generation_prompt": n % 3 != 0, "messages": messages, "ids": tokenize(text)},
                             separators=(",", ":")))


def template_of(path):
    return ENV.from_string(gguf.GGUFReader(path).fields["tokenizer.chat_template"].contents())


def main():
    for name, path in (("smollm", sys.argv[1]), ("qwen2", sys.argv[2])):
        params = xllamacpp.CommonParams()
        params.model.path, params.n_ctx, params.n_parallel, params.warmup = path, 256, 1, False
        server = xllamacpp.Server(params)
        rows(name, template_of(path), "", lambda text: ids(server, text, True))
        del server
    phi = "ggml-vocab-phi-3.gguf"
    rows("phi-3", template_of(phi), "<s>", lambda text, t=llama_cpp(phi): t(text, True))
    turns = ENV.from_string(open("../chat_templates/templates/own-turns-with-parts.jinja", newline="").read())
    rows("gemma3", turns, "<bos>", lambda text, t=llama_cpp(sys.argv[3]): t(text, True), SHAPES[:-1])


if __name__ == "__main__":
    main()
