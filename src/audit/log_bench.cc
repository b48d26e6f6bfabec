// Entries a second and the time from append() to its acknowledgement, by writers at once, on the disk of
// $BITWORTH_BENCH_DIR (else the temporary folder). In: nothing. Out: Google Benchmark's table; p50 and p99 in
// ms. "bare" is one fdatasync after another of as many bytes: what the disk gives without a log.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "audit/disk.h"
#include "audit/testing.h"

namespace {
using namespace bw;
using namespace bw::audit;
namespace fs = std::filesystem;

std::string place() {
  const char* chosen = std::getenv("BITWORTH_BENCH_DIR");
  std::string name = (chosen ? fs::path(chosen) : fs::temp_directory_path()) / "bw_bench_XXXXXX";
  return ::mkdtemp(name.data()) ? name : std::string();
}
// About what an answer's entry takes.
std::string entry(uint64_t i) {
  std::string json = testing::entry_json(i);
  json.pop_back();
  return json + ",\"filler\":\"" + std::string(900, 'x') + "\"}";
}
double quantile(std::vector<double>& v, double q) {
  std::sort(v.begin(), v.end());
  return v[std::min(v.size() - 1, size_t(q * double(v.size())))];
}

void append(benchmark::State& state) {
  const std::string folder = place();
  const auto n_writers = uint64_t(state.range(0)), each = uint64_t(state.range(1));
  for (auto _ : state) {
    auto log = Log::open(folder + "/" + std::to_string(state.iterations()), {});
    if (!log) return state.SkipWithError(log.error().what.c_str());
    std::vector<std::vector<double>> ms(n_writers);
    std::vector<std::thread> threads;
    const uint64_t from = monotonic_ns();
    for (uint64_t t = 0; t < n_writers; ++t)
      threads.emplace_back([&, t] {
        for (uint64_t i = 0; i < each; ++i) {
          const std::string json = entry(t * 1'000'000 + i);
          const uint64_t start = monotonic_ns();
          if (!(*log)->append(json)) std::abort();
          ms[t].push_back(double(monotonic_ns() - start) / 1e6);
        }
      });
    for (std::thread& t : threads) t.join();
    const double seconds = double(monotonic_ns() - from) / 1e9;
    std::vector<double> all;
    for (const auto& m : ms) all.insert(all.end(), m.begin(), m.end());
    state.counters["entries/s"] = double(all.size()) / seconds;
    state.counters["p50_ms"] = quantile(all, 0.5);
    state.counters["p99_ms"] = quantile(all, 0.99);
  }
  fs::remove_all(folder);
}
BENCHMARK(append)->Args({1, 300})->Args({8, 150})->Args({64, 60})->Iterations(1)->Unit(
    benchmark::kMillisecond);

void bare(benchmark::State& state) {
  const std::string folder = place();
  std::unique_ptr<DiskFile> file;
  if (real_disk().open(folder + "/bare", Disk::Open::make, file)) return state.SkipWithError("cannot open");
  uint64_t at = 0;
  for (auto _ : state) {
    if (write_all(*file, at, entry(at)) || file->sync()) return state.SkipWithError("cannot write");
    at += entry(at).size();
  }
  fs::remove_all(folder);
}
BENCHMARK(bare)->Iterations(300)->Unit(benchmark::kMillisecond);

// Opening verifies everything.
void open(benchmark::State& state) {
  const std::string folder = place();
  {
    auto log = Log::open(folder, {});
    if (!log) return state.SkipWithError(log.error().what.c_str());
    for (uint64_t i = 0; i < uint64_t(state.range(0)); ++i) (*log)->append(entry(i), [](auto) {});
  }
  for (auto _ : state) {
    if (!Log::open(folder, {.read_only = true})) return state.SkipWithError("cannot open");
  }
  state.SetItemsProcessed(int64_t(state.iterations()) * state.range(0));
  fs::remove_all(folder);
}
BENCHMARK(open)->Arg(20000)->Unit(benchmark::kMillisecond);

}  // namespace
