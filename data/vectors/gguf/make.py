# Makes gguf_py.gguf with gguf-py (MIT): one key of each kind, two tensors. Read by src/gguf/writer_test.cc.
import sys

import numpy as np
from gguf import GGMLQuantizationType, GGUFValueType, GGUFWriter

w = GGUFWriter(sys.argv[1], "llama")
w.add_uint8("t.u8", 255)
w.add_int8("t.i8", -128)
w.add_uint16("t.u16", 65535)
w.add_int16("t.i16", -32768)
w.add_uint32("t.u32", 4294967295)
w.add_int32("t.i32", -2147483648)
w.add_float32("t.f32", -1.5)
w.add_uint64("t.u64", 2**64 - 1)
w.add_int64("t.i64", -(2**63))
w.add_float64("t.f64", 0.1)
w.add_bool("t.bool", True)
w.add_string("t.string", "h\u00e9llo")
w.add_array("t.texts", ["a", "", "\u2603"])
w.add_array("t.ints", [1, -2, 3])
w.add_array("t.floats", [0.5, -0.25])
w.add_array("t.bools", [True, False])
w.add_tensor("a.weight", np.arange(68, dtype=np.uint8).reshape(2, 34), raw_dtype=GGMLQuantizationType.Q8_0)
w.add_tensor("b", np.array([1, 2, 3], dtype=np.float32))
w.write_header_to_file()
w.write_kv_data_to_file()
w.write_tensors_to_file()
w.close()
