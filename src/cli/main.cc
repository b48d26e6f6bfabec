// The program: everything is in src/cli/cli.cc and the commands beside it.
#include <cstdio>
#include <exception>
#include <new>

#include "cli/cli.h"

// Errors are values; what still arrives here is a third party's exception or a full memory.
int main(int argc, char** argv) try { return bw::cli::program(argc, argv); } catch (const std::bad_alloc&) {
  std::fputs(
      "bitworth: out of memory\n  next: `bitworth plan` says what a file needs; free memory and try again\n",
      stderr);
  return 1;
} catch (const std::exception& e) {
  std::fprintf(stderr, "bitworth: %s\n  next: this is a fault of bitworth: report it with this message\n",
               e.what());
  return 1;
}
