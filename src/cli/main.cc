// The program: everything is in src/cli/cli.cc and the commands beside it.
#include "cli/cli.h"

int main(int argc, char** argv) {
  return bw::cli::main(argc, argv);
}
