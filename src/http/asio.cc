// Boost.Asio's own code, once for the layer.
#include "http/asio.h"

#include <boost/asio/impl/src.hpp>
