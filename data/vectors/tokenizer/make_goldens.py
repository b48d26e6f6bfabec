#!/usr/bin/env python3
"""Token ids of varied texts by an outside tokenizer (llama.cpp, through the xllamacpp wheel's server).

usage: make_goldens.py SMOLLM2.gguf QWEN2.gguf WIKITEXT.raw > goldens.jsonl
Each line: {"group", "text", "smollm": {"text": ids, "parse": ids}, "qwen2": {...}}; "parse" (control tokens written
in the text become their ids) is left out where it equals "text".
"""
import json, random, sys, urllib.request
import xllamacpp


def texts(wikitext):
    rng = random.Random(4)
    groups = {}
    groups["code"] = [
        "def f(x):\n    return x**2 + 3*x - 1  # quadratic\n", "for(int i=0;i<n;++i){sum+=a[i];}\r\n",
        "#include <vector>\n\nint main() {\n\treturn 0;\n}\n", "SELECT * FROM t WHERE id IN (1,22,333);",
        "<div class=\"a\">\n  <p>x&nbsp;y</p>\n</div>", "if err != nil {\n\t\treturn fmt.Errorf(\"%w\", err)\n\t}",
        "x = {'a': [1, 2.5, -3e10], \"b\": None}", "$ ls -la | grep '^d' > /dev/null 2>&1", "0xDEADBEEF 0b1010 1_000_000",
        "let s: &'static str = \"it's\"; // don't", "λx.x → (∀a. a) ∧ ¬b", "\\frac{a}{b} \\sum_{i=0}^{n} x_i^2",
        "https://example.org/a/b?c=d&e=%20f#g", "user.name+tag@sub.example.co.uk", "C:\\Users\\me\\file.txt",
        "#!/bin/sh\nset -eu\n", "{\"key\": \"value\", \"n\": [1,2,3]}", "a->b::c<d>(e)", "/* comment */ // and\n--sql\n",
        "    indented\n        more\n\tand a tab\n", "foo_bar fooBar FooBar FOO_BAR foo-bar", "@decorator\nasync def g(): ...",
    ]
    groups["scripts"] = [
        "日本語のテキストです。", "中文分词测试，标点符号！", "한국어 문장을 토큰화합니다.", "Привет, как дела?", "Γειά σου Κόσμε",
        "مرحبا بالعالم", "שלום עולם", "नमस्ते दुनिया", "สวัสดีชาวโลก", "Xin chào thế giới", "ქართული ენა", "Հայերեն",
        "naïve café déjà vu", "Straße Größe ÄÖÜ", "e\u0301 vs \u00e9", "ﬁ ligature ǆ ǅ", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝟙𝟚𝟛", "①②③ ½ ¼ Ⅷ ٣ ४ ๕",
        "全角ＡＢＣ１２３", "がぎぐ か\u3099", "İstanbul ıI", "\u200bzero\u200dwidth\ufeff", "\u202eright-to-left\u202c",
        "᠎mongolian\u180eseparator", "ſ 'ſ ſ's", "ﷺ", "\U00020000\U0002a6d6", "Ünïcödé ℕ∈ℝ €£¥₿", "a\u0300\u0301\u0302\u0303",
    ]
    groups["emoji"] = ["😀", "👩‍👩‍👧‍👦 family", "🇩🇪🇫🇷", "❤️‍🔥", "👍🏽👍🏿", "1️⃣2️⃣", "🤗 hugging 🤗🤗", "☺️☺", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "text😀text 😀 text"]
    groups["space"] = ["", " ", "  ", "   ", "\n", "\n\n", "\n\n\n", "\r\n", "\r\n\r\n", "\t", "\t\t", " \n", "\n ", " \n ", "  \n\n  x",
        "a b", "a  b", "a   b", " a", "  a", "a ", "a  ", "a\n", "a \n", "a\n b", "a\n\n b", "a\t b", "a \tb", "\u00a0", "a\u00a0b",
        "a\u00a0\u00a0 b", "\u3000全\u3000角", "a\u2003b\u2028c\u2029d", "\x0b\x0c", "a\x85b", " \u00a0 \n\t x", "x" + " " * 40 + "y",
        " " * 100, "\n" * 50, "\t" * 20 + "x", "a \r b", "\x1c\x1d\x1e\x1f"]
    groups["numbers"] = ["0", "1", "12", "123", "1234", "12345", "123456789", "3.14159", "1,234,567.89", "-1", "+1", "1e-9", "1/2", "50%",
        "2024-11-24T08:14:00Z", "v1.2.3", "127.0.0.1:8080", "x1y2z3", "1 2 3", "1  2", "١٢٣", "一二三", "²³", "1st 2nd 3rd", "007"]
    groups["contractions"] = ["it's", "IT'S", "I'm", "I'M", "don't", "DON'T", "we've", "WE'VE", "they'll", "you're", "YOU'RE", "he'd", "'s", "'S",
        "''s", "' s", "'t'm'd", "'llama", "'REd", "'vE", "o'clock", "rock'n'roll", "’s it’s", "'lL 'Ll", "x'sy", "'", "''", "'''"]
    groups["control"] = ["<|im_start|>user\nHi<|im_end|>\n", "<|im_start|>", "<|im_end|>", "<|endoftext|>", "a<|im_end|>b", " <|im_end|> ",
        "<|im_end|><|im_end|>", "<|im_start|im_end|>", "<|im_<|im_end|>end|>", "<tool_call>\n{}\n</tool_call>", "x<tool_call>y",
        "<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>", "<repo_name>x<file_sep>y", "<|IM_END|>", "< |im_end|>", "<|im_end|", "|im_end|>",
        "<jupyter_start><jupyter_code>1", "<|box_start|>(1,2)<|box_end|>", "[PAD151665]", "<empty_output>\n", "it<|im_end|>'s", "1<|im_end|>2",
        "  <|im_start|>  \n", "<|endoftext|><|endoftext|> <|endoftext|>", "<gh_stars>100+", "<0x0A>"]
    groups["bytes"] = ["\x00", "a\x00b", "\x01\x02\x03\x04\x05\x06\x07", "\x10\x13\x14\x16\x1d", "\x7f", "\x80\x81", "\u0100\u0120Ġ Ċ", "\ufffd",
        "\uffff\ufffe", "\U0010ffff", "\U000f0000", "\U00050000 plane five", "\ue000 private"]
    groups["long"] = ["a" * 1000, "ab" * 500, "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
        "=" * 300, "-" * 77 + "\n", "." * 64, "!?" * 50, "ha" * 200, "0" * 100, "日" * 200, "😀" * 60, "xyz" * 123, "<" * 90, "_" * 33]
    alphabet = list("abcXYZ 019.,'\"\n\t-_<>|#/\\") + ["  ", "é", "ß", "日", "本", "😀", "\u0301", "٣", "\u00a0", "'s", "'LL", "\r\n", "ing", " the", "½"]
    groups["random"] = ["".join(rng.choice(alphabet) for _ in range(rng.randint(1, 60))) for _ in range(200)]
    points = [c for c in range(0x20, 0x30000) if not 0xD800 <= c <= 0xDFFF]
    groups["random_unicode"] = ["".join(chr(rng.choice(points)) if rng.random() < .6 else rng.choice(" a1\n.'") for _ in range(rng.randint(1, 16)))
                                for _ in range(60)]
    lines = [l for l in open(wikitext, encoding="utf-8").read().split("\n") if len(l) > 40]
    groups["wikitext2"] = [l[:400] for l in rng.sample(lines, 60)]
    return [(g, t) for g, ts in groups.items() for t in ts]


def ids(server, text, parse):
    body = json.dumps({"content": text, "add_special": False, "parse_special": parse}).encode()
    request = urllib.request.Request(server.listening_address + "/tokenize", body, {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request))["tokens"]


def main():
    rows = [{"group": g, "text": t} for g, t in texts(sys.argv[3])]
    for name, path in (("smollm", sys.argv[1]), ("qwen2", sys.argv[2])):
        params = xllamacpp.CommonParams()
        params.model.path, params.n_ctx, params.n_parallel, params.warmup = path, 256, 1, False
        server = xllamacpp.Server(params)
        for row in rows:
            row[name] = {"text": ids(server, row["text"], False)}
            parsed = ids(server, row["text"], True)
            if parsed != row[name]["text"]:
                row[name]["parse"] = parsed
        del server
    for row in rows:
        print(json.dumps(row, ensure_ascii=True, separators=(",", ":")))


if __name__ == "__main__":
    main()
