// The test program is also the measured child: started with `child-measure` it does what `bitworth
// child-measure` does.
#include <gtest/gtest.h>

#include <cstdio>
#include <iostream>
#include <iterator>
#include <string>

#include "speed/speed.h"

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "child-measure") {
    const std::string request{std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
    const auto answer = bw::speed::child_measure(request);
    if (!answer) {
      std::fprintf(stderr, "%s\n", answer.error().what.c_str());
      return static_cast<int>(answer.error().code);
    }
    std::puts(answer->c_str());
    return 0;
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
