# Toolchain: AArch64 by Debian's cross compiler, libraries from the folder tools/sysroot.sh makes, programs run by
# qemu-user. -cpu max has dotprod and i8mm; BITWORTH_QEMU_CPU names another (cortex-a76: dotprod alone).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(BITWORTH_SYSROOT ${CMAKE_CURRENT_LIST_DIR}/../build/sysroot-aarch64)
cmake_path(NORMAL_PATH BITWORTH_SYSROOT)
set(CMAKE_FIND_ROOT_PATH ${BITWORTH_SYSROOT} /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${BITWORTH_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${BITWORTH_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${BITWORTH_SYSROOT}/usr/share/pkgconfig)
set(CMAKE_CROSSCOMPILING_EMULATOR env QEMU_CPU=max qemu-aarch64 -L /usr/aarch64-linux-gnu
  -E LD_LIBRARY_PATH=${BITWORTH_SYSROOT}/usr/lib/aarch64-linux-gnu)
