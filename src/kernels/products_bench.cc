// Rates of the products by type, table and columns, of attention and the functions, beside the machine's own
// limits. In: nothing (random blocks). Out: Google Benchmark's table; MAC/s counts multiply-adds, bytes/s
// counts packed weights.
//   kernels_bench --benchmark_filter='product/avx512vnni/Q4_0'
// "hot" weights (512 rows) stay in the second cache, as in a prefill; "cold" ones (96 MiB) do not, as in
// decode.
#include <benchmark/benchmark.h>

#include <cstring>
#include <string>
#include <vector>

#include "kernels/kernels.h"
#include "kernels/x86_target.h"

namespace {

using namespace bw;
using kernels::Table;

// Packed weights whose scales and floats are normal numbers: random bytes, exponents of every half (or float)
// forced.
std::vector<std::byte> random_panels(quant::Type type, size_t n_bytes) {
  uint64_t keep = 0xBFFFBFFFBFFFBFFFu, force = 0x2000200020002000u;
  if (type == quant::Type::BF16) keep = 0x807F807F807F807Fu, force = 0x3F003F003F003F00u;
  if (type == quant::Type::F32) keep = 0x807FFFFF807FFFFFu, force = 0x3F0000003F000000u;
  std::vector<std::byte> memory(n_bytes + 64);
  uint64_t state = 88172645463325252u;
  for (size_t i = 0; i + 8 <= memory.size(); i += 8) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    const uint64_t v = (state & keep) | force;
    std::memcpy(&memory[i], &v, 8);
  }
  return memory;
}

const std::byte* aligned(const std::vector<std::byte>& m) {
  return m.data() + (64 - reinterpret_cast<uintptr_t>(m.data()) % 64) % 64;
}

void bench_product(benchmark::State& state, const Table* table, quant::Type type, uint32_t n, bool cold) {
  const uint32_t k = 1024, n_out = cold ? uint32_t((96u << 20) / kernels::panel_bytes(type, k)) * 16 : 512;
  const quant::TypeInfo& info = quant::info(type);
  const auto memory = random_panels(type, size_t(n_out) / 16 * kernels::panel_bytes(type, k));
  const kernels::Packed w{type, n_out, k, aligned(memory)};
  std::vector<float> x(size_t(n) * k), d(x.size() / 32), y(size_t(n) * n_out);
  std::vector<int8_t> q(x.size());
  std::vector<int32_t> sums(x.size() / 16);
  for (size_t i = 0; i < x.size(); ++i) x[i] = float(int(i * 7919 % 255) - 127) / 64;
  if (info.family == quant::Family::b32) table->act32(x.data(), n * k, q.data(), d.data(), sums.data());
  if (info.family == quant::Family::b256) table->act256(x.data(), n * k, q.data(), d.data(), sums.data());
  const kernels::Acts a{n, k, x.data(), q.data(), d.data(), sums.data()};
  for (auto _ : state) {
    table->product(w, 0, n_out / 16, a, y.data(), n_out);
    benchmark::DoNotOptimize(y.data());
  }
  using C = benchmark::Counter;
  const double passes = double(state.iterations());
  state.counters["MAC"] = C(passes * double(n) * double(k) * double(n_out), C::kIsRate);
  state.counters["bytes"] =
      C(passes * double(n_out) / 16 * double(kernels::panel_bytes(type, k)), C::kIsRate);
}

void bench_attend(benchmark::State& state, const Table* table, kernels::KvType type, uint32_t n_rows,
                  uint32_t n_rep, uint32_t head_dim, uint32_t n_valid) {
  const uint32_t n_chunks = (n_valid + kernels::kv_chunk - 1) / kernels::kv_chunk;
  const size_t bytes = kernels::kv_chunk_bytes(type, head_dim);
  std::vector<std::byte> memory(2 * n_chunks * bytes + 64);
  std::byte* base = memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64) % 64;
  std::vector<const std::byte*> ks, vs;
  std::vector<float> row(head_dim);
  const kernels::KvKernels& kv = table->kv(type);
  for (uint32_t c = 0; c < n_chunks; ++c) {
    std::byte *k = base + 2 * c * bytes, *v = k + bytes;
    for (uint32_t j = 0; j < kernels::kv_chunk; ++j) {
      for (uint32_t i = 0; i < head_dim; ++i) row[i] = float(int((i * 31 + j * 17) % 64) - 32) / 32;
      kv.store_k(row.data(), head_dim, j, k);
      kv.store_v(row.data(), head_dim, j, v);
    }
    ks.push_back(k);
    vs.push_back(v);
  }
  const size_t ld = size_t(n_rep) * head_dim;
  std::vector<float> q(n_rows * ld, 0.1f), out(q.size()),
      scratch(kernels::attend_scratch(n_rep, head_dim) + 16);
  for (size_t i = 0; i < q.size(); ++i) q[i] = float(int(i * 7919 % 255) - 127) / 64;
  kernels::Attend a;
  a.q = q.data(), a.out = out.data(), a.ld = ld, a.n_rows = n_rows, a.n_rep = n_rep, a.head_dim = head_dim;
  a.k_chunks = ks.data(), a.v_chunks = vs.data(), a.n_valid = n_valid - n_rows + 1, a.scale = 0.125f;
  a.scratch = scratch.data() + (64 - reinterpret_cast<uintptr_t>(scratch.data()) % 64) % 64 / 4;
  for (auto _ : state) {
    benchmark::DoNotOptimize(kv.attend(a));
    benchmark::ClobberMemory();
  }
  using C = benchmark::Counter;
  state.counters["MAC"] = C(double(state.iterations()) * 2 * n_rows * n_rep * head_dim * n_valid, C::kIsRate);
}

void bench_functions(benchmark::State& state, const Table* table, int which) {
  const uint32_t n = 4864;
  std::vector<float> x(n, 0.5f), w(n, 0.25f), y(n), d(n);
  std::vector<int8_t> q(n);
  std::vector<int32_t> sums(n);
  for (auto _ : state) {
    if (which == 0) benchmark::DoNotOptimize(table->rms_norm(x.data(), w.data(), n, 1e-6f, y.data()));
    if (which == 1) table->glu(kernels::Glu::silu, x.data(), w.data(), n, y.data());
    if (which == 2) table->act32(x.data(), n, q.data(), d.data(), sums.data());
    if (which == 3) table->exp(x.data(), n, y.data());
    benchmark::ClobberMemory();
  }
  state.counters["values"] = benchmark::Counter(double(state.iterations()) * n, benchmark::Counter::kIsRate);
}

// Sequential read of `mib` MiB, asked for 2 KiB ahead as the products do: what decode can hope for.
void bench_read(benchmark::State& state, size_t mib) {
  std::vector<uint64_t> buffer((mib << 20) / 8, 1);
  for (auto _ : state) {
    uint64_t a = 0, b = 0, c = 0, d = 0;
    for (size_t i = 0; i < buffer.size(); i += 8) {
      __builtin_prefetch(&buffer[i] + 256);
      a += buffer[i] ^ buffer[i + 4];
      b += buffer[i + 1] ^ buffer[i + 5];
      c += buffer[i + 2] ^ buffer[i + 6];
      d += buffer[i + 3] ^ buffer[i + 7];
    }
    benchmark::DoNotOptimize(a + b + c + d);
  }
  state.counters["bytes"] =
      benchmark::Counter(double(state.iterations()) * double(mib << 20), benchmark::Counter::kIsRate);
}

#ifdef BW_X86
BW_TARGET_BEGIN_AVX512
void bench_dot512(benchmark::State& state) {
  __m512i acc[12], x = _mm512_set1_epi8(1);
#pragma GCC unroll 12
  for (int j = 0; j < 12; ++j) acc[j] = _mm512_setzero_si512();
  for (auto _ : state) {
    for (int i = 0; i < 1000; ++i) {
#pragma GCC unroll 12
      for (int j = 0; j < 12; ++j) asm volatile("vpdpbusd %1, %1, %0" : "+v"(acc[j]) : "v"(x));
    }
    benchmark::DoNotOptimize(x);
  }
#pragma GCC unroll 12
  for (int j = 0; j < 12; ++j) benchmark::DoNotOptimize(_mm512_reduce_add_epi32(acc[j]));
  state.counters["MAC"] =
      benchmark::Counter(double(state.iterations()) * 12000 * 64, benchmark::Counter::kIsRate);
}
BW_TARGET_END
BW_TARGET_BEGIN_AVX2
void bench_dot256(benchmark::State& state) {
  __m256i acc[12], x = _mm256_set1_epi8(1), y = _mm256_set1_epi8(3);
#pragma GCC unroll 12
  for (int j = 0; j < 12; ++j) acc[j] = _mm256_setzero_si256();
  for (auto _ : state) {
    for (int i = 0; i < 1000; ++i) {
#pragma GCC unroll 12
      for (int j = 0; j < 12; ++j) {
        __m256i pairs;
        asm volatile("vpmaddubsw %1, %2, %0" : "=x"(pairs) : "x"(x), "x"(y));
        acc[j] = _mm256_add_epi16(acc[j], pairs);
      }
    }
    benchmark::DoNotOptimize(x);
  }
#pragma GCC unroll 12
  for (int j = 0; j < 12; ++j) benchmark::DoNotOptimize(_mm256_extract_epi32(acc[j], 0));
  state.counters["MAC"] =
      benchmark::Counter(double(state.iterations()) * 12000 * 32, benchmark::Counter::kIsRate);
}
BW_TARGET_END
#endif

const int registered = [] {
  using benchmark::RegisterBenchmark;
  RegisterBenchmark("limit/read/16MiB", bench_read, 16);
  RegisterBenchmark("limit/read/96MiB", bench_read, 96);
  RegisterBenchmark("limit/read/1024MiB", bench_read, 1024);
  for (const Table* t : kernels::tables()) {
    if (!t->available()) continue;
    const std::string name(t->name);
#ifdef BW_X86
    if (name == "avx512vnni") RegisterBenchmark("limit/vpdpbusd512", bench_dot512);
    if (name == "avx2") RegisterBenchmark("limit/maddubs256", bench_dot256);
#endif
    for (const quant::TypeInfo& type : quant::all_types()) {
      const std::string stem = "product/" + name + "/" + std::string(type.name);
      for (const uint32_t n : {1u, 2u, 3u, 4u, 5u, 6u, 8u, 12u, 16u, 256u})
        RegisterBenchmark((stem + "/hot/" + std::to_string(n)).c_str(), bench_product, t, type.type, n,
                          false);
      for (const uint32_t n : {1u, 2u, 4u, 8u})
        RegisterBenchmark((stem + "/cold/" + std::to_string(n)).c_str(), bench_product, t, type.type, n,
                          true);
    }
    for (const kernels::KvType type : kernels::kv_types)
      for (const uint32_t n_rep : {1u, 3u, 7u, 8u})
        for (const uint32_t n_rows : {1u, kernels::attend_rows(n_rep)})
          RegisterBenchmark(("attend/" + name + "/" + std::string(kernels::name(type)) + "/" +
                             std::to_string(n_rows) + "x" + std::to_string(n_rep) + "x64/4096")
                                .c_str(),
                            bench_attend, t, type, n_rows, n_rep, 64, 4096);
    const char* const functions[] = {"rms_norm", "silu", "act32", "exp"};
    for (int i = 0; i < 4; ++i)
      RegisterBenchmark((std::string(functions[i]) + "/" + name).c_str(), bench_functions, t, i);
  }
  return 0;
}();

}  // namespace
