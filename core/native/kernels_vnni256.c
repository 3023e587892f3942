/* kernels_avxvnni.c once more, in the encoding of AVX512VL. */
#define WITH_AVX512VL
#include "kernels_avxvnni.c"
