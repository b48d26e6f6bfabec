#!/usr/bin/env python3
"""A peer in a process of its own, under the interpreter of its environment; bench/peers.py starts it and asks.

In: `peer_engines.py NAME`, then JSON a line on stdin: the set-up (file, threads, context, n_seq), then requests.
Out: JSON a line on stdout, one an answer; {"failed": why} where the peer cannot. Times are taken here, around the peer's
own calls. Peers: llama.cpp by its C interface (the xllamacpp wheel's library, or a build for this very processor),
ik_llama.cpp by its wheel's, OpenVINO GenAI by its Python one.
"""
import ctypes
import importlib.util
import json
import struct
import sys
import time
from pathlib import Path

now = time.perf_counter
most_rows = 2048  # rows of a llama_decode: llama.cpp's own default of n_batch


def package_folder(name):
    """Where a package lies, without importing it."""
    return Path(importlib.util.find_spec(name).submodule_search_locations[0])


class Sequences:
    """What llama.cpp and ik_llama.cpp share: prompts, steps and streams by llama_decode."""

    def feed(self, rows):
        """rows: (token, position, sequence, wants logits)."""
        for begin in range(0, len(rows), most_rows):
            part = rows[begin:begin + most_rows]
            batch = self.new_batch(len(part))
            batch.n_tokens = len(part)
            for i, (token, position, seq, wants) in enumerate(part):
                batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, position, 1, wants
                batch.seq_id[i][0] = seq
            rc = self.decode(batch)
            if rc == 0 and part[-1][3]:
                self.logits(len(part) - 1)  # waits for the result
            self.free_batch(batch)
            if rc != 0:
                raise RuntimeError(f"llama_decode answered {rc}")

    def prompt(self, tokens, seq=0):
        return [(t, i, seq, i + 1 == len(tokens)) for i, t in enumerate(tokens)]

    def run(self, prompt, n_decode):
        self.clear()
        begin = now()
        self.feed(self.prompt(prompt))
        prefill, begin = now() - begin, now()
        for i in range(n_decode):  # which token follows does not change the work
            self.feed([(prompt[i % len(prompt)], len(prompt) + i, 0, 1)])
        return prefill, now() - begin

    def streams(self, prompts, n_decode):
        """All prompts in one batch, then one token of each a llama_decode. The prompts' pass gives the first tokens."""
        self.clear()
        begin = now()
        self.feed([row for seq, p in enumerate(prompts) for row in self.prompt(p, seq)])
        first = now()
        for i in range(n_decode - 1):
            self.feed([(p[i % len(p)], len(p) + i, seq, 1) for seq, p in enumerate(prompts)])
        return dict(ttft_s=first - begin, decode_s=now() - first, whole_s=now() - begin)

    def first_token(self, text):
        tokens = self.tokenize(text.encode())
        self.feed(self.prompt(tokens))
        row = self.logits(len(tokens) - 1)
        max(range(self.n_vocab), key=row[:self.n_vocab].__getitem__)


class LlamaCpp(Sequences):
    """llama.cpp through its C interface. Its parameter structs change from version to version, so they are taken as
    bytes: the defaults must read as they do in every version so far, or nothing is run."""

    class Bytes(ctypes.Structure):
        _fields_ = [("bytes", ctypes.c_uint8 * 1024)]  # more than any of them

    class Batch(ctypes.Structure):
        _fields_ = [("n_tokens", ctypes.c_int32), ("token", ctypes.POINTER(ctypes.c_int32)),
                    ("embd", ctypes.c_void_p), ("pos", ctypes.POINTER(ctypes.c_int32)),
                    ("n_seq_id", ctypes.POINTER(ctypes.c_int32)),
                    ("seq_id", ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
                    ("logits", ctypes.POINTER(ctypes.c_int8))]

    log_callback = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)

    def __init__(self, setup, library):
        self.begin = now()
        self.lib = ctypes.CDLL(str(library))
        pointer, i32, boolean = ctypes.c_void_p, ctypes.c_int32, ctypes.c_bool
        for name, result, arguments in [
                ("llama_backend_init", None, []), ("llama_log_set", None, [self.log_callback, pointer]),
                ("llama_model_default_params", self.Bytes, []), ("llama_context_default_params", self.Bytes, []),
                ("llama_model_load_from_file", pointer, [ctypes.c_char_p, self.Bytes]),
                ("llama_init_from_model", pointer, [pointer, self.Bytes]),
                ("llama_batch_init", self.Batch, [i32, i32, i32]), ("llama_batch_free", None, [self.Batch]),
                ("llama_decode", i32, [pointer, self.Batch]),
                ("llama_get_logits_ith", ctypes.POINTER(ctypes.c_float), [pointer, i32]),
                ("llama_get_memory", pointer, [pointer]), ("llama_memory_clear", None, [pointer, boolean]),
                ("llama_model_get_vocab", pointer, [pointer]), ("llama_vocab_n_tokens", i32, [pointer]),
                ("llama_tokenize", i32, [pointer, ctypes.c_char_p, i32, ctypes.POINTER(i32), i32, boolean, boolean]),
                ("ggml_threadpool_params_init", None, [pointer, ctypes.c_int]),
                ("ggml_threadpool_new", pointer, [pointer]),
                ("llama_attach_threadpool", None, [pointer, pointer, pointer])]:
            function = getattr(self.lib, name)
            function.restype, function.argtypes = result, arguments
        self.quiet = self.log_callback(lambda level, text, data: self.say(level, text))
        self.lib.llama_log_set(self.quiet, None)
        self.lib.llama_backend_init()
        model = self.lib.llama_model_load_from_file(setup["file"].encode(), self.lib.llama_model_default_params())
        if not model:
            raise RuntimeError("it does not load this file")
        self.context = self.lib.llama_init_from_model(model, self.context_params(setup))
        if not self.context:
            raise RuntimeError("it makes no context")
        # As its own llama-bench does: threads that stay, where it was built without OpenMP.
        pool_params = (ctypes.c_uint8 * 4096)()
        self.lib.ggml_threadpool_params_init(pool_params, setup["threads"])
        pool = self.lib.ggml_threadpool_new(pool_params)
        self.lib.llama_attach_threadpool(self.context, pool, pool)
        self.vocab = self.lib.llama_model_get_vocab(model)
        self.n_vocab = self.lib.llama_vocab_n_tokens(self.vocab)

    @staticmethod
    def say(level, text):
        if level >= 3:  # warnings and errors
            sys.stderr.write(text.decode(errors="replace"))

    def context_params(self, setup):
        raw = bytearray(bytes(self.lib.llama_context_default_params().bytes))
        words = struct.unpack_from("<16I", raw)
        if words[:4] != (512, 2048, 512, 1) or words[5:].count(4) != 2:
            raise RuntimeError(f"the defaults of its llama_context_params are not known here: {words}")
        threads = words.index(4)  # n_threads and n_threads_batch, GGML_DEFAULT_N_THREADS both
        if words[threads + 1] != 4:
            raise RuntimeError(f"the defaults of its llama_context_params are not known here: {words}")
        n_seq = setup["n_seq"]
        each = -(-setup["context"] // 256) * 256  # it pads to 256 itself
        struct.pack_into("<4I", raw, 0, each * n_seq, most_rows, 512, n_seq)
        struct.pack_into("<2I", raw, threads * 4, setup["threads"], setup["threads"])
        return self.Bytes.from_buffer_copy(raw)

    def new_batch(self, n):
        return self.lib.llama_batch_init(n, 0, 1)

    def free_batch(self, batch):
        self.lib.llama_batch_free(batch)

    def decode(self, batch):
        return self.lib.llama_decode(self.context, batch)

    def logits(self, i):
        return self.lib.llama_get_logits_ith(self.context, i)

    def clear(self):
        self.lib.llama_memory_clear(self.lib.llama_get_memory(self.context), True)

    def tokenize(self, text):
        out = (ctypes.c_int32 * (len(text) + 8))()
        return out[:self.lib.llama_tokenize(self.vocab, text, len(text), out, len(out), True, False)]


class IkLlamaCpp(Sequences):
    """ik_llama.cpp by its wheel's C interface: repacked tensors, no mmap, flash attention where the wheel allows it."""

    def __init__(self, setup):
        self.begin = now()
        from ik_llama_cpp import _ctypes_api as api
        from ik_llama_cpp import _internals as inner
        from ik_llama_cpp.llama import _cpu_has_avx_vnni

        self.api, defaults = api, api.llama_model_default_params

        def repacked():
            params = defaults()
            params.repack_tensors = True
            return params

        api.llama_model_default_params = repacked
        self.model = inner.IkModel(setup["file"], use_mmap=False)
        each = -(-setup["context"] // 256) * 256
        self.ik = inner.IkContext(self.model, n_ctx=max(each * setup["n_seq"], most_rows), n_threads=setup["threads"],
                                  flash_attn=_cpu_has_avx_vnni(), n_seq_max=setup["n_seq"])
        self.n_vocab = self.model.n_vocab

    def new_batch(self, n):
        return self.api.llama_batch_init(n, 0, 1)

    def free_batch(self, batch):
        self.api.llama_batch_free(batch)

    def decode(self, batch):
        return self.ik.decode(batch)

    def logits(self, i):
        return self.ik.get_logits(i)

    def clear(self):
        self.ik.kv_cache_clear()

    def tokenize(self, text):
        return self.model.tokenize(text.decode())


class OpenVino:
    """OpenVINO GenAI on a GGUF file, as it comes: its own precision of weights' products and of the cache."""

    def __init__(self, setup):
        self.begin = now()
        import numpy
        import openvino
        import openvino_genai

        self.numpy, self.openvino, self.genai = numpy, openvino, openvino_genai
        options = dict(INFERENCE_NUM_THREADS=setup["threads"])
        if setup["n_seq"] > 1:
            options["ATTENTION_BACKEND"] = "SDPA"  # its other one takes no batch of token ids
        self.pipe = openvino_genai.LLMPipeline(setup["file"], "CPU", **options)

    def generate(self, inputs, n):
        config = self.genai.GenerationConfig()
        config.max_new_tokens, config.ignore_eos, config.do_sample = n, n > 1, False
        config.apply_chat_template = False
        begin = now()
        answer = self.pipe.generate(inputs, config)
        return now() - begin, answer

    def ids(self, rows):
        return self.openvino.Tensor(self.numpy.array(rows, dtype=self.numpy.int64))

    def timed(self, rows, n):
        whole, answer = self.generate(self.ids(rows), n)
        made = [len(t) for t in answer.tokens]
        if made != [n] * len(rows):
            raise RuntimeError(f"it made {made} tokens where {n} were asked")
        return whole, answer.perf_metrics.get_ttft().mean / 1e3

    def run(self, prompt, n_decode):
        if n_decode == 0:
            return self.timed([prompt], 1)[1], 0
        whole, first = self.timed([prompt], n_decode + 1)  # the first token is the prompt's
        return first, whole - first

    def streams(self, prompts, n_decode):
        whole, first = self.timed(prompts, n_decode)
        return dict(ttft_s=first, decode_s=whole - first, whole_s=whole)

    def first_token(self, text):
        self.generate(text, 1)


def native_library():
    return package_folder("llama_cpp") / "lib" / "libllama.so"


PEERS = {
    "llama.cpp": lambda setup: LlamaCpp(setup, package_folder("xllamacpp") / "xllamacpp.abi3.so"),
    "llama.cpp native": lambda setup: LlamaCpp(setup, native_library()),
    "ik_llama.cpp": IkLlamaCpp,
    "OpenVINO": OpenVino,
}


def memory():
    """Bytes: most resident at once, resident now, and what of that is not a mapped file."""
    of = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {key: int(of[name].split()[0]) * 1024
            for key, name in (("peak", "VmHWM"), ("now", "VmRSS"), ("anonymous", "RssAnon"))}


def answer(peer, request, before):
    what = request["do"]
    if what == "run":
        prefill, decode = peer.run(request["prompt"], request["n_decode"])
        return dict(prefill_s=prefill, decode_s=decode)
    if what == "streams":
        return peer.streams(request["prompts"], request["n_decode"])
    if what == "first_token":
        peer.first_token(request["text"])
        return dict(first_token_s=now() - peer.begin)  # from before the library was loaded
    if what == "memory":
        # Less what the interpreter held before the library was loaded.
        held = memory()
        return dict(peak_bytes=held["peak"] - before["now"], anonymous_bytes=held["anonymous"] - before["anonymous"])
    raise ValueError(f"no such request: {what}")


def main():
    name = sys.argv[1]
    setup = json.loads(sys.stdin.readline())
    before = memory()
    say = lambda what: print(json.dumps(what), flush=True)  # noqa: E731
    try:
        peer = PEERS[name](setup)
    except Exception as e:  # whatever a peer throws is its answer
        say({"failed": f"it does not start with this file: {type(e).__name__}: {e}"})
        return
    say({"ready": name})
    for line in sys.stdin:
        try:
            say(answer(peer, json.loads(line), before))
        except Exception as e:
            say({"failed": f"{type(e).__name__}: {e}"})


if __name__ == "__main__":
    main()
