#!/usr/bin/env bash
# BN1 allows no function of libm (docs/bn1.md, section 1). Read back from the shipped program's machine code: no function
# of the layers that compute BN1 calls or jumps to one.
# In: BITWORTH, the program. Out: non-zero with the calls found, or where nothing was found to look at.
set -euo pipefail
command -v objdump >/dev/null || { echo "objdump (package binutils) is missing"; exit 77; }
# The names that libm itself defines.
libm=$(objdump -T "$(ldconfig -p | awk '/libm\.so\.6 / { print $NF; exit }')" |
  awk '$3 == "DF" || $4 == "DF" { print $NF }' | sort -u)
[ "$(wc -l <<<"$libm")" -gt 300 ] || { echo "libm.so.6 was not read"; exit 1; }
objdump -d -C --no-show-raw-insn "$BITWORTH" | awk -v libm="$libm" '
  BEGIN { n = split(libm, names, "\n"); for (i = 1; i <= n; i++) of_libm[names[i]] = 1 }
  /^[0-9a-f]+ </ {
    at = $0; sub(/^[0-9a-f]+ </, "", at); sub(/>:$/, "", at)
    ours = at ~ /bw::(quant|kernels|model|engine)::/
    if (ours) looked++
    next
  }
  /<[A-Za-z0-9_]+@plt>/ {
    name = $0; sub(/.*</, "", name); sub(/@plt>.*/, "", name)
    if (name in of_libm) { calls++; if (ours) { found++; print at ": " name } }
  }
  END {
    print looked + 0 " functions of quant, kernels, model and engine; libm is called " calls + 0 " times, by them " found + 0
    exit !(looked > 500 && calls > 10 && found == 0)
  }'
